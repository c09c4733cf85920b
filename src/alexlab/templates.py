"""The pages that are written, from templates that escape every value: a name that is markup is shown as it is written."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader


def fill(package: str, page: str, **values: Any) -> str:
    """Return the page `page` of the folder `templates` in `package` ("alexlab.report") with these values in it."""
    return _templates(package).get_template(page).render(**values)


@cache
def _templates(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package, "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
