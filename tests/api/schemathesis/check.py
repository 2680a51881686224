"""Checks the document of OpenAPI in a file, and that values fit its schemas.

Usage: check.py DOCUMENT VALUES, where VALUES is a file with a list of [schema, value, name].
"""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

document, values = (json.load(open(path)) for path in sys.argv[1:])
validate(document)
for schema, value, name in values:
    problems = [
        f"{name}: {error.message} at /{'/'.join(map(str, error.absolute_path))}"
        for error in Draft202012Validator(
            {**schema, "components": document["components"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        ).iter_errors(value)
    ]
    print("\n".join(problems), end="\n" if problems else "")
