"""How the credit is read in the eight languages of Voice Partner's samples, against this server."""

from __future__ import annotations

from collections.abc import Mapping

#: What stands where one's own key belongs.
PLACEHOLDER = "pv_test_YOUR_KEY"

_PATH = "BASE_URL/v1/me/" + PLACEHOLDER

_CURL = f"""curl "{_PATH}"
"""

_PHP = f"""<?php
$answer = file_get_contents("{_PATH}");
$me = json_decode($answer, true);
if ($me["success"] === true) {{
    echo $me["credit"], " ", $me["currency"], "\\n";
}}
"""

_PYTHON = f"""import json
from urllib.request import urlopen

me = json.loads(urlopen("{_PATH}").read())
if me["success"]:
    print(me["credit"], me["currency"])
"""

_JAVASCRIPT = f"""const http = require("MODULE");

http.get("{_PATH}", (response) => {{
  let body = "";
  response.on("data", (chunk) => {{ body += chunk; }});
  response.on("end", () => {{
    const me = JSON.parse(body);
    if (me.success) console.log(me.credit, me.currency);
  }});
}});
"""

_JAVA = f"""import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;

public class Me {{
    public static void main(String[] arguments) throws Exception {{
        URI uri = URI.create("{_PATH}");
        try (InputStream body = uri.toURL().openStream()) {{
            System.out.println(new String(body.readAllBytes(), StandardCharsets.UTF_8));
        }}
    }}
}}
"""

_GO = f"""package main

import (
	"fmt"
	"io"
	"net/http"
)

func main() {{
	answer, err := http.Get("{_PATH}")
	if err != nil {{
		panic(err)
	}}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {{
		panic(err)
	}}
	fmt.Println(string(body))
}}
"""

_CSHARP = f"""using System;
using System.IO;
using System.Net;

class Me
{{
    static void Main()
    {{
        WebRequest request = WebRequest.Create("{_PATH}");
        using (WebResponse answer = request.GetResponse())
        using (StreamReader reader = new StreamReader(answer.GetResponseStream()))
        {{
            Console.WriteLine(reader.ReadToEnd());
        }}
    }}
}}
"""

_VB = f"""Imports System.IO
Imports System.Net

Module Me1
    Sub Main()
        Dim request As WebRequest = WebRequest.Create("{_PATH}")
        Using reader As New StreamReader(request.GetResponse().GetResponseStream())
            Console.WriteLine(reader.ReadToEnd())
        End Using
    End Sub
End Module
"""

#: By the name in an address: what people call it, and the text.
SNIPPETS: Mapping[str, tuple[str, str]] = {
    "curl": ("cURL", _CURL),
    "php": ("PHP", _PHP),
    "python": ("Python", _PYTHON),
    "javascript": ("JavaScript", _JAVASCRIPT),
    "java": ("Java", _JAVA),
    "go": ("Go", _GO),
    "csharp": ("C#", _CSHARP),
    "vb": ("VB.NET", _VB),
}


def snippet(language: str, base_url: str) -> str:
    """Write a snippet.

    Args:
        language: one of ``SNIPPETS``.
        base_url: where the server is, without a slash at the end.
    """
    module = base_url.partition(":")[0]
    return SNIPPETS[language][1].replace("BASE_URL", base_url).replace("MODULE", module)
