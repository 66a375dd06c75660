"""Read a host, decide on the controller by the profile's own rules, apply in one go."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.gateway.plugins.plugin_utils import tuning_plan

MODULES = "holdfast.gateway."
LISTS = {"type": "list", "elements": "str", "default": []}
DICTS = {"type": "dict", "default": {}}
ARGUMENTS = {
    "snapshot": {"type": "path", "required": True},
    "files": DICTS,
    "keep": LISTS,
    "modules": DICTS,
    "settings": {"type": "list", "elements": "dict", "default": []},
    "path": {"type": "path", "default": ""},
    "form": {"type": "str", "choices": ["sysctl", "tmpfiles"], "default": "sysctl"},
    "optional": LISTS,
    "appearing": LISTS,
}


class ActionModule(ActionBase):
    """The action."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        """Do what the documentation of the module says."""
        result = super().run(tmp, task_vars)
        self._vars = task_vars
        _, wanted = self.validate_argument_spec(ARGUMENTS)
        result |= {"changed": False, "notes": [], "written": {}, "recorded": [], "diff": []}
        # Decided before anything is written; keys that a module brings are decided again once it is there.
        planned = self._plan(wanted, wanted["appearing"] if wanted["modules"] else [])
        # What is not there before a module is loaded is no choice of the host's, whatever the kernel makes of it then.
        fresh = [key for key in planned[0].apply if planned[1]["values"][key] is None]
        if wanted["files"] or wanted["modules"]:
            first = {name: wanted[name] for name in ("files", "keep", "modules")}
            loaded = self._apply(result, wanted, **first, record=fresh)["loaded"]
            fresh = fresh if loaded else []
            if wanted["modules"] and not (loaded and self._task.check_mode):
                planned = self._plan(wanted, [], fresh)
        if wanted["settings"]:
            self._settings(result, wanted, planned, fresh)
        return result

    def _settings(self, result: dict, wanted: dict, planned: tuple[tuning_plan.Plan, dict], fresh: list[str]) -> None:
        plan, info = planned
        result["notes"], result["values"] = plan.notes, info["values"]
        # A file of ours without a setting is emptied; none is made where there is nothing to say.
        files = {wanted["path"]: tuning_plan.content(plan)} if plan.lines or info["own"] else {}
        self._apply(result, wanted, files=files, values=plan.apply, record=plan.names, fresh=fresh)

    def _plan(self, wanted: dict, appearing: list[str], fresh: Sequence[str] = ()) -> tuple[tuning_plan.Plan, dict]:
        if not wanted["settings"]:
            return tuning_plan.Plan(), {}
        try:
            from holdfast.profile import raise_only
        except ImportError as error:
            raise AnsibleActionFail(f"the controller's Python cannot import holdfast.profile: {error}") from error
        names = [setting["key"] for setting in wanted["settings"]]
        info = self._module("kernel_values_info", names=names, dropin=wanted["path"], snapshot=wanted["snapshot"])
        choices = tuning_plan.Choices(
            wanted["path"], frozenset(wanted["optional"]), tuple(appearing),
            lambda setting, current: raise_only(SimpleNamespace(**setting), current), wanted["form"],
            frozenset(fresh),
        )  # fmt: skip
        plan = tuning_plan.plan(wanted["settings"], tuning_plan.Found.of(info), choices)
        if plan.problems:
            raise AnsibleActionFail("\n".join(plan.problems))
        return plan, info

    def _apply(self, result: dict, wanted: dict, **what: Any) -> dict:
        done = self._module("tuning_apply", snapshot=wanted["snapshot"], **what)
        result["changed"] |= done["changed"]
        for name in ("recorded", "diff"):
            result[name] += done[name]
        result["written"] |= done["written"]
        return done

    def _module(self, name: str, **arguments: Any) -> dict:
        done = self._execute_module(MODULES + name, module_args=arguments, task_vars=self._vars)
        if done.get("failed") or done.get("unreachable"):
            raise AnsibleActionFail(str(done.get("msg", done)), result=done)
        return done
