"""A text with names in braces that is printed as it stands."""

import ast
import re
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING
from alexlab.check.rules.written import bindings, calls, sources

_SHOWING = ("print", "write", "info", "debug", "warning", "set_description", "set_postfix_str", "title")
_FIELD = re.compile(r"(?<!\{)\{\s*([A-Za-z_]\w*)[^{}]*\}(?!\})")


def _find(evidence: Evidence) -> Iterator[Finding]:
    for source in sources(evidence):
        for call in calls(source.tree, *_SHOWING):
            for text in call.args:
                if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
                    continue
                names = [name for name in _FIELD.findall(text.value) if bindings(source.tree, name)]
                if not names:
                    continue
                message = Text(
                    f"this text has no `f` before its quote: it shows `{{{names[0]}}}`, and not its value.",
                    f"这个字符串的引号前没有 `f`：显示的是 `{{{names[0]}}}` 这几个字，而不是它的值。",
                )
                yield found(RULE.name, "warning", evidence, None, message, RULE.mend, source.place(text.lineno))
                break


RULE = Rule(
    name="unfilled-text",
    title=Text("a printed text without its `f`", "打印的字符串漏了 `f`"),
    why=Text(
        "Only an f-string puts values in place of the names in braces. Without the `f` each epoch prints the same words.",
        "只有 f 字符串才把花括号里的名字换成值。漏了 `f`，每个 epoch 打印的都是同样的字。",
    ),
    mend=Text('write `f"..."`.', '写成 `f"..."`。'),
    find=_find,
    bad=TRAINING.replace(
        "print(epoch, total / len(training), right / len(test.dataset))", 'print("epoch {epoch}: {right} right")'
    ),
    good=TRAINING.replace(
        "print(epoch, total / len(training), right / len(test.dataset))", 'print(f"epoch {epoch}: {right} right")'
    ),
)
