"""RabbitMQ, MongoDB and MinIO in containers, for ``KRABBEL_TEST_STACK=containers``: what production runs."""

from collections.abc import Iterator
from contextlib import contextmanager

RABBITMQ = "rabbitmq:4-alpine"
MONGO = "mongo:7"
MINIO = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
INITIATE = "rs.initiate({_id: 'krabbel', members: [{_id: 0, host: 'localhost:27017'}]})"


@contextmanager
def container_servers() -> Iterator[dict[str, str]]:
    """Start the three, yield the settings that reach them, remove them."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs
    from testcontainers.minio import MinioContainer
    from testcontainers.rabbitmq import RabbitMqContainer

    mongo = DockerContainer(MONGO).with_exposed_ports(27017).with_command("--replSet krabbel --bind_ip_all")
    with RabbitMqContainer(RABBITMQ) as rabbitmq, MinioContainer(MINIO) as minio, mongo:
        wait_for_logs(mongo, "Waiting for connections", timeout=60)
        code, output = mongo.exec(["mongosh", "--quiet", "--eval", INITIATE])
        assert code == 0, output
        wait_for_logs(mongo, "Transition to primary complete", timeout=60)
        store = minio.get_config()
        host = mongo.get_container_host_ip()
        yield {
            "KRABBEL_AMQP_URL": (
                f"amqp://{rabbitmq.username}:{rabbitmq.password}"
                f"@{rabbitmq.get_container_host_ip()}:{rabbitmq.get_exposed_port(rabbitmq.port)}/"
            ),
            # The set's member is known inside the container under another port: so no discovery.
            "KRABBEL_MONGO_URL": f"mongodb://{host}:{mongo.get_exposed_port(27017)}/?directConnection=true",
            "KRABBEL_S3_ENDPOINT": f"http://{store['endpoint']}",
            "KRABBEL_S3_ACCESS_KEY": store["access_key"],
            "KRABBEL_S3_SECRET_KEY": store["secret_key"],
            "KRABBEL_S3_BUCKET": "krabbel",
            "KRABBEL_S3_REGION": "us-east-1",
        }
