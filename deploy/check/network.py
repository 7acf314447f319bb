"""Where pods may connect to, by address: to nothing by default, and never to the cluster's metadata."""

import ipaddress

from objects import labels, matches, name, of_kind, workloads

# None of these is to be reached from a pod that calls what services and operators name.
FORBIDDEN = [
    "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.254", "192.168.0.1", "127.0.0.1", "0.0.0.0",
    "100.64.0.1", "100.127.255.254", "169.254.1.1", "169.254.169.254", "169.254.170.2", "169.254.20.10",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255",
    "::1", "fe80::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001::1",
]
OPEN = ["1.1.1.1", "203.0.114.1", "2606:4700:4700::1111"]
# Who has reason to call the Internet.
CALLERS = ["api", "poller", "worker-callbacks", "worker-email", "worker-sms", "worker-priority", "worker-retry", "worker-jobs"]


def check(objects):
    policies = of_kind(objects, "NetworkPolicy")
    denied = [each for each in policies if each["spec"]["podSelector"] == {}
              and set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}
              and not each["spec"].get("egress") and not each["spec"].get("ingress")]
    if not denied:
        yield "no NetworkPolicy denies everything by default"
    for workload in workloads(objects):
        if labels(workload).get("app.kubernetes.io/name") != "carillon":
            continue
        blocks = []
        for policy in policies:
            if not matches(policy["spec"]["podSelector"], labels(workload)) or "Egress" not in policy["spec"]["policyTypes"]:
                continue
            for rule in policy["spec"].get("egress", []):
                if not rule.get("to"):
                    yield f"{name(policy)}: opens every address to {name(workload)}"
                blocks += [peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer]
        for address in FORBIDDEN:
            if any(is_in(address, block) for block in blocks):
                yield f"{name(workload)}: may connect to {address}"
        component = labels(workload).get("app.kubernetes.io/component")
        for address in OPEN:
            if any(is_in(address, block) for block in blocks) != (component in CALLERS):
                may = "may" if component not in CALLERS else "may not"
                yield f"{name(workload)}: {may} connect to {address}"


def is_in(address, block):
    address = ipaddress.ip_address(address)

    def within(cidr):
        network = ipaddress.ip_network(cidr)
        return network.version == address.version and address in network

    return within(block["cidr"]) and not any(within(cidr) for cidr in block.get("except", []))
