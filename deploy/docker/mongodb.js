// At each start: make the replica set and the accounts, or see that they are there. Done again, it changes nothing.
// Then /tmp/set-up tells the health check that the services can work.
//
// Each service has an account for the database `krabbel` and nothing else, with the rights in proto/accounts.json; the
// exporter of figures has one that sees those, and no document of ours. A new
// password in its secret is taken over at the next start. The root account's cannot be: change it with db.changeUserPassword first.

const fs = require("fs");
const secret = (name) => fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();
const OPTIONS = "directConnection=true&serverSelectionTimeoutMS=2000";
const connect_as = (user, password, database) =>
  new Mongo(`mongodb://${user}:${encodeURIComponent(password)}@127.0.0.1:27017/${database}?${OPTIONS}`).getDB(database);

// Before there is any account, mongod lets a client on its own machine do these two things.
function makeSetAndRoot() {
  const admin = new Mongo(`mongodb://127.0.0.1:27017/admin?${OPTIONS}`).getDB("admin");
  if (!admin.hello().setName) {
    admin.adminCommand({
      replSetInitiate: {
        _id: "krabbel",
        members: [{ _id: 0, host: "mongodb:27017" }],
        // One node needs no time to notice that others are gone: the shortest election makes a restart quick.
        settings: { electionTimeoutMillis: 1000 },
      },
    });
    print("krabbel: replica set made");
  }
  if (!admin.hello().isWritablePrimary) return;
  admin.createUser({ user: "root", pwd: secret("mongo_root_password"), roles: ["root"] });
  print("krabbel: account root made");
}

// A role of MongoDB's own is named; others are made of what they may do with each collection.
function ensureRole(database, service, rights) {
  if (typeof rights === "string") return rights;
  const role = `krabbel${service[0].toUpperCase()}${service.slice(1)}`;
  const privileges = Object.entries(rights).map(([collection, actions]) => ({
    resource: { db: database.getName(), collection },
    actions,
  }));
  if (database.getRole(role)) database.updateRole(role, { privileges, roles: [] });
  else database.createRole({ role, privileges, roles: [] });
  return role;
}

function ensureAccount(database, user, password, roles) {
  const account = { pwd: secret(password), roles };
  if (database.getUser(user)) {
    database.updateUser(user, account);
  } else {
    database.createUser({ user, ...account });
    print(`krabbel: account ${user} made`);
  }
}

function setUp() {
  let admin;
  try {
    admin = connect_as("root", secret("mongo_root_password"), "admin");
  } catch (error) {
    if (error.codeName !== "AuthenticationFailed") throw error;
    makeSetAndRoot();
    return false;
  }
  if (!admin.hello().isWritablePrimary) return false;
  const krabbel = admin.getSiblingDB("krabbel");
  const { mongodb, monitoring } = JSON.parse(fs.readFileSync("/accounts.json", "utf8"));
  const here = (role) => [{ role, db: krabbel.getName() }];
  ensureAccount(krabbel, "krabbel", "mongo_password", here("readWrite")); // the operator's command
  for (const [service, rights] of Object.entries(mongodb)) {
    ensureAccount(krabbel, service, `${service}_mongo_password`, here(ensureRole(krabbel, service, rights)));
  }
  ensureAccount(admin, "monitor", "monitor_mongo_password", monitoring.mongodb);
  return true;
}

for (let tries = 1; tries <= 600; tries++) {
  try {
    if (setUp()) {
      fs.writeFileSync("/tmp/set-up", "");
      quit(0);
    }
  } catch (error) {
    if (tries % 30 === 0) print(`krabbel: not set up yet: ${error.message}`);
  }
  sleep(1000);
}
print("krabbel: gave up setting up; restart this container to try again");
quit(1);
