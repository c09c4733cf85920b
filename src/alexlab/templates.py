"""The pages that are written, from templates that escape every value: a name that is markup is shown as it is written."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from alexlab.showing import shown


def fill(package: str, page: str, **values: Any) -> str:
    """Return the page `page` of the folder `templates` in `package` ("alexlab.report") with these values in it."""
    return _templates(package).get_template(page).render(**values)


def _text(value: Any) -> Any:
    """Names of files whose bytes are no UTF-8 are not to be written as such; `Markup` is made of templates alone."""
    return value if isinstance(value, Markup) else shown(str(value), keep="\n\t")


@cache
def _templates(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_text,
    )
