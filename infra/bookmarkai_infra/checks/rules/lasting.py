"""Rules of the network and of what must outlive a deployment."""

from collections.abc import Iterator

from bookmarkai_infra.checks.stacks import Facts, Stacks, text
from bookmarkai_infra.names import HTTPS_PORT

_KEPT = {
    "AWS::S3::Bucket": {"Retain"},
    "AWS::EFS::FileSystem": {"Retain"},
    "AWS::ECR::Repository": {"Retain"},
    "AWS::RDS::DBInstance": {"Snapshot", "Retain"},
}


_PLAIN = {"Bool": {"aws:SecureTransport": "false"}}


def data_outlive_their_stack(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Deleting a stack, or a change that replaces a resource, loses neither media nor catalog nor images."""
    for resource in stacks.resources(*_KEPT):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.body.get(policy) not in _KEPT[resource.type]:
                allowed = " or ".join(sorted(_KEPT[resource.type]))
                yield f"{resource}: expected {policy} {allowed}, found {resource.body.get(policy)}"


def the_database_is_private(stacks: Stacks, _: Facts) -> Iterator[str]:
    """The database is encrypted, takes TLS only, has backups and a minor version, and no public address."""
    parameters = text([one.properties for one in stacks.resources("AWS::RDS::DBParameterGroup")])
    for database in stacks.resources("AWS::RDS::DBInstance"):
        found = database.properties
        if found.get("PubliclyAccessible", False) or not found.get("StorageEncrypted"):
            yield f"{database}: expected an encrypted database without a public address"
        if "." not in str(found["EngineVersion"]):
            yield f"{database}: expected a minor version, found {found['EngineVersion']}"
        if not found.get("BackupRetentionPeriod"):
            yield f"{database}: expected backups"
        if "rds.force_ssl=1" not in parameters:
            yield f"{database}: expected rds.force_ssl"


def the_disk_has_roles_only(stacks: Stacks, _: Facts) -> Iterator[str]:
    """The shared disk has a policy, which shuts out whoever has no role. It allows nothing, and denies plain NFS."""
    for disk in stacks.resources("AWS::EFS::FileSystem"):
        statements = disk.properties.get("FileSystemPolicy", {}).get("Statement", [])
        if any(statement["Effect"] == "Allow" for statement in statements):
            yield f"{disk}: expected roles to say who may do what, found a policy that allows {text(statements)}"
        if not any(statement.get("Condition") == _PLAIN for statement in statements):
            yield f"{disk}: expected a policy that denies what comes without TLS"


def only_the_entrance_is_open(stacks: Stacks, _: Facts) -> Iterator[str]:
    """The internet reaches the load balancer's https port and nothing else."""
    for group in stacks.resources("AWS::EC2::SecurityGroup"):
        for rule in group.properties.get("SecurityGroupIngress", []):
            is_entrance = group.id.startswith("EntranceGroup") and rule["FromPort"] == rule["ToPort"] == HTTPS_PORT
            if rule.get("CidrIp") and not is_entrance:
                yield f"{group}: expected callers by security groups, found {rule['CidrIp']} on {rule['FromPort']}"
    for rule_ in stacks.resources("AWS::EC2::SecurityGroupIngress"):
        if "CidrIp" in rule_.properties:
            yield f"{rule_}: expected callers by their security groups, found {rule_.properties['CidrIp']}"


def media_go_to_s3_without_nat(stacks: Stacks, _: Facts) -> Iterator[str]:
    """All route tables of subnets with tasks have the way to S3, or a NAT gateway would be paid for every byte."""
    routed = {
        table.get("Ref")
        for endpoint in stacks.resources("AWS::EC2::VPCEndpoint")
        if ".s3" in text(endpoint.properties["ServiceName"])
        for table in endpoint.properties.get("RouteTableIds", [])
    }
    tables = {one.id for one in stacks.resources("AWS::EC2::RouteTable") if "isolated" not in one.id}
    for table in sorted(tables - routed):
        yield f"network/{table}: expected the gateway endpoint of S3"
