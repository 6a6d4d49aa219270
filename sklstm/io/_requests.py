"""What ``set_fit_request`` and its like have asked for, as dicts of text."""

from typing import Any

from sklearn.utils.metadata_routing import MetadataRequest

Requests = dict[str, dict[str, Any]]


def requests_of(request: MetadataRequest) -> Requests:
    """Requests of each method."""
    methods = {name: part for name, part in vars(request).items() if name != "owner"}
    return {name: dict(part.requests) for name, part in methods.items() if part.requests}


def request_of(requests: Requests, owner: str) -> MetadataRequest:
    """The same requests; of their owner, who is named in messages, the name is enough."""
    request = MetadataRequest(owner=owner)
    for name, aliases in requests.items():
        for parameter, alias in aliases.items():
            vars(request)[name].add_request(param=parameter, alias=alias)
    return request
