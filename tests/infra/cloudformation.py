"""The embedded CloudFormation: moto's order, references and stacks, with resources that are whole.

moto makes some types in part and skips in silence what it does not know: a policy, an alarm, the
substitutions of a state machine. Here each type is made by API calls (see ``resources``), and what
can't be made or resolved fails the deployment.
"""

import contextlib
import copy
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.s3.models import FakeBucket

from local.cloud import REGION
from ops.build import ROOT, production_files
from tests.infra.resources import MAKERS, MOTOS, UPDATERS, Made, client

Template = Mapping[str, Any]

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
SECTIONS = {"Description", "Outputs", "Parameters", "Resources", "Rules"}
"""``Rules`` holds CDK's check of the bootstrap's version, and is not evaluated."""


class Undeployable(RuntimeError):
    """The template asks for what the embedded CloudFormation can't give."""


class Resource(CloudFormationModel):  # type: ignore[misc]
    """A resource that an API call made."""

    cf_resource_type: str

    def __init__(self, made: Made) -> None:
        self._made = made

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self._made.ref

    def get_cfn_attribute(self, name: str) -> str:
        """What ``Fn::GetAtt`` gives."""
        return self._made.attributes[name]

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Told when it is asked for."""
        del attr
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region: str, **_: Any
    ) -> "Resource":
        """Make it with the properties resolved."""
        del account_id, region
        kind, given = cloudformation_json["Type"], copy.deepcopy(cloudformation_json["Properties"])
        try:
            return cls(MAKERS[kind](resource_name, given))
        except KeyError as missing:
            # moto takes a KeyError for "no such resource".
            raise Undeployable(f"a {kind} without {missing}") from missing

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "Resource",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "Resource":
        """Change it in place."""
        del new_resource_name, account_id, region_name
        kind = cloudformation_json["Type"]
        if kind not in UPDATERS:
            raise Undeployable(f"a {kind} can't be changed here")
        UPDATERS[kind](original_resource._made, copy.deepcopy(cloudformation_json["Properties"]))
        return original_resource


def _class_of(kind: str) -> Any:
    if kind in MAKERS:
        return Resource
    if kind in MOTOS:
        return parsing.get_model_map()[kind]
    raise Undeployable(f"a {kind} can't be made here")


_resolve = parsing.clean_json


def _resolved(value: Any, resources: Any) -> Any:
    """As moto resolves it, but an attribute that nobody gives is an error and not left out."""
    found = _resolve(value, resources)
    if found is None and isinstance(value, dict) and "Fn::GetAtt" in value:
        raise Undeployable(f"nothing is known of {'.'.join(value['Fn::GetAtt'])}")
    return found


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    with (
        patch.object(parsing, "resource_class_from_type", _class_of),
        patch.object(parsing, "clean_json", _resolved),
        # The policy that lets logs in names the bucket that they come from, so it follows later.
        patch.object(FakeBucket, "_log_permissions_enabled_policy", return_value=True),
    ):
        yield


def bootstrap(template: Template) -> None:
    """What ``cdk bootstrap`` and the upload of the assets leave: a version, a bucket, its zips."""
    client("ssm").put_parameter(Name=BOOTSTRAP_VERSION, Value="30", Type="String")
    account = client("sts").get_caller_identity()["Account"]
    bucket, s3 = f"cdk-hnb659fds-assets-{account}-{REGION}", client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    body = _zip()
    for resource in template["Resources"].values():
        code = resource["Properties"].get("Code") or resource["Properties"].get("Content")
        if code is not None:
            s3.put_object(Bucket=bucket, Key=code["S3Key"], Body=body)


def deploy(name: str, template: Template) -> dict[str, str]:
    """Create the stack; its outputs.

    Raises:
        Undeployable: the template has something that is not known here.
    """
    strange = set(template) - SECTIONS
    if strange:
        raise Undeployable(f"sections of the template: {', '.join(sorted(strange))}")
    cloudformation = client("cloudformation")
    with _whole():
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
        )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    missing = set(template["Resources"]) - {resource["LogicalResourceId"] for resource in made}
    if missing or stack["StackStatus"] != "CREATE_COMPLETE":
        raise Undeployable(f"{stack['StackStatus']}; not made: {', '.join(sorted(missing))}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def update(name: str, template: Template) -> None:
    """Update the stack in place."""
    with _whole():
        client("cloudformation").update_stack(
            StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
        )


def physical_id(name: str, logical_id: str) -> str:
    """What a resource of the stack is called in AWS."""
    answer = client("cloudformation").describe_stack_resource(
        StackName=name, LogicalResourceId=logical_id
    )
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _zip() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for file in production_files():
            archive.write(ROOT / file, file.as_posix())
    return body.getvalue()
