"""What a competent engineer would write instead: httpx, orjson and boto3, eight writers.

Lists the users of a tenant page by page and writes each, projected, as native attributes, at every
run. Reads its task as JSON from the first argument; prints a line of JSON when done, and waits to be
let go.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import httpx
import orjson
from botocore.config import Config

task = json.loads(sys.argv[1])
NAMES = task["select"].split(",")


def attribute(value):
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, (int, float)):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [attribute(one) for one in value]}
    return {"M": {name: attribute(one) for name, one in value.items()}}


def item(user):
    names = {name: attribute(user[name]) for name in NAMES if user.get(name) is not None}
    return {"PutRequest": {"Item": {"pk": {"S": "users"}, "sk": {"S": user["id"]}, **names}}}


store = boto3.client(
    "dynamodb",
    endpoint_url=task["store"],
    region_name="local",
    aws_access_key_id="local",
    aws_secret_access_key="local",
    config=Config(max_pool_connections=8),
)


def write(users):
    left = [item(user) for user in users]
    while left:
        answer = store.batch_write_item(RequestItems={"assets": left})
        left = answer.get("UnprocessedItems", {}).get("assets", [])


began = time.monotonic()
graph = httpx.Client(headers={"authorization": f"Bearer {task['bearer']}"}, timeout=60)
url, records, requests, writes = task["first"], 0, 0, []
with ThreadPoolExecutor(8) as writers:
    while url:
        page = orjson.loads(graph.get(url).raise_for_status().content)
        requests += 1
        for done in writes:
            done.result()
        users = page["value"]
        writes = [writers.submit(write, users[i : i + 25]) for i in range(0, len(users), 25)]
        records += len(users)
        url = page.get("@odata.nextLink")
    for done in writes:
        done.result()
print(json.dumps({"seconds": time.monotonic() - began, "records": records, "requests": requests}), flush=True)
sys.stdin.readline()
