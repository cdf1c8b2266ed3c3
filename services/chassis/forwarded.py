"""Who a client is behind proxies of ours."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

OUR_NETWORKS = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
"""Where proxies of ours are, unless a setting says otherwise."""
Network = IPv4Network | IPv6Network


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks in a comma-separated list. Raises ValueError for what is none."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def client_address(peer: str | None, forwarded_for: str, proxies: tuple[Network, ...]) -> str:
    """Return the address of the client: the last one in X-Forwarded-For that is no proxy of ours.

    The header is believed only where the connection itself comes from a trusted proxy.
    """
    address = peer or "unknown"
    for hop in [*reversed([part.strip() for part in forwarded_for.split(",") if part.strip()])]:
        if not _within(address, proxies):
            break
        address = hop
    return address[:64]


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)
