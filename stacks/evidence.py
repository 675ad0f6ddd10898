"""Where the evidence is kept, and who hears of verdicts."""

from aws_cdk import Duration, RemovalPolicy, aws_iam, aws_kms, aws_s3, aws_sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.roles import OF_THIS_ACCOUNT
from stacks.settings import DeploymentSettings

ACCESS_LOG_DAYS = 90
OLD_VERSION_DAYS = 30


class EvidenceBucket(Construct):
    """A private bucket that outlives the stack: evidence of the past is not torn down with it."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings) -> None:
        super().__init__(scope, construct_id)
        self.access_logs = aws_s3.Bucket(
            self,
            "AccessLogs",
            **_PRIVATE,
            lifecycle_rules=[aws_s3.LifecycleRule(expiration=Duration.days(ACCESS_LOG_DAYS))],
        )
        self.bucket = aws_s3.Bucket(
            self,
            "Bucket",
            **_PRIVATE,
            versioned=True,
            server_access_logs_bucket=self.access_logs,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    expiration=Duration.days(settings.evidence_days),
                    noncurrent_version_expiration=Duration.days(OLD_VERSION_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
        )


_PRIVATE = {
    "block_public_access": aws_s3.BlockPublicAccess.BLOCK_ALL,
    "encryption": aws_s3.BucketEncryption.S3_MANAGED,
    "enforce_ssl": True,
    "minimum_tls_version": 1.2,
    "object_ownership": aws_s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
    "removal_policy": RemovalPolicy.RETAIN,
}


class VerdictTopic(Construct):
    """The topic of verdicts and alarms, encrypted with a key that CloudWatch may use too."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings) -> None:
        super().__init__(scope, construct_id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description=f"{settings.stack}: verdicts and alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.topic = aws_sns.Topic(
            self,
            "Topic",
            display_name=f"RDS Time Machine {settings.prefix}",
            master_key=self.key,
            enforce_ssl=True,
        )
        # An alarm of CloudWatch can't be sent to a topic under AWS's own key for SNS.
        alarms = aws_iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=OF_THIS_ACCOUNT)
        self.topic.grant_publish(alarms)  # and kms:Decrypt and kms:GenerateDataKey* of its key
        for address in settings.notify_emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
