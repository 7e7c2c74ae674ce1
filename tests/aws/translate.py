"""Prints template.yaml as the CloudFormation template that AWS makes of it: SAM's own translator,
run as the deployment service runs it."""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class ManagedPolicies:
    def load(self):
        return {}


def main(path):
    # The translator wants a region for its pseudo parameters; nothing of this template depends on it.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # What packaging would have uploaded; the deployer puts the real place in.
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            resource["Properties"]["CodeUri"] = {"Bucket": "artifacts", "Key": f"{binary}.zip"}
    template["Globals"]["Function"].pop("CodeUri", None)
    json.dump(transform(template, {}, ManagedPolicies()), sys.stdout)


main(sys.argv[1])
