import json
import sys
from urllib.request import urlopen

base_url, key = sys.argv[1:]
me = json.loads(urlopen(base_url + "/v1/me/" + key).read())
if me["success"] == True:  # noqa: E712 - as the vendor's sample writes it
    print(me["credit"], me["currency"])
