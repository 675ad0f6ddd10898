"""The embedded CloudFormation makes everything that a template asks for, or fails."""

import copy
import os
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from moto import mock_aws

from local.cloud import REGION
from tests.infra import cloudformation
from tests.infra.conftest import Template
from tests.infra.resources import client

STACK = "tm-time-machine"


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    credentials = {"AWS_ACCESS_KEY_ID": "embedded", "AWS_SECRET_ACCESS_KEY": "embedded"}
    with patch.dict(os.environ, {**credentials, "AWS_DEFAULT_REGION": REGION}), mock_aws():
        yield


def test_the_template_of_cdk_json_deploys_with_a_network_of_its_own(template: Template) -> None:
    cloudformation.bootstrap(template)
    outputs = cloudformation.deploy(STACK, template)
    assert set(outputs) == set(template["Outputs"])
    vpcs = client("ec2").describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["false"]}])
    (vpc,) = vpcs["Vpcs"]
    gateways = client("ec2").describe_internet_gateways()["InternetGateways"]
    attached = [it["VpcId"] for gateway in gateways for it in gateway["Attachments"]]
    assert vpc["VpcId"] not in attached


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.update(Type="AWS::IAM::ManagedPolicy"), "can't be made here"),
        (lambda it: it["Properties"].update(Novelty="x"), "Novelty"),
        (lambda it: it["Properties"].update(Path={"Fn::GetAtt": ["Mine", "Nothing"]}), "Nothing"),
    ],
)
def test_what_is_not_known_fails_the_deployment(
    change: Callable[[Template], None], message: str
) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    template: Template = {"Resources": {"Mine": role, "Other": copy.deepcopy(role)}}
    change(template["Resources"]["Other"])
    with pytest.raises(Exception, match=message):
        cloudformation.deploy(STACK, template)
