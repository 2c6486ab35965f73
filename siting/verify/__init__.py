"""Recompute every claim of a plan from its published layers, by code of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siting.verify.builtproof import built_proof_findings
from siting.verify.certificate import certificate_findings
from siting.verify.charging import charging_findings
from siting.verify.clauses import clause_findings
from siting.verify.finding import Finding, failures
from siting.verify.hydrogen import hydrogen_findings
from siting.verify.joint import joint_findings
from siting.verify.locks import lock_findings
from siting.verify.pilots import pilot_findings
from siting.verify.roadside import roadside_findings
from siting.verify.service import service_findings
from siting.verify.sharing import sharing_findings
from siting.verify.standing import standing_findings
from siting.verify.testroads import testroad_findings
from siting.verify.years import year_findings

if TYPE_CHECKING:
    from siting.plan import Plan

__all__ = ["Finding", "failures", "verify_plan"]


def verify_plan(plan: Plan) -> tuple[Finding, ...]:
    """
    Recompute stations, piles, cost, districts, distances, served demand, targets and service.

    Parameters
    ----------
    plan
        The plan as published (read back from its layers, or about to be written).

    Returns
    -------
    findings
        One a claim, in a fixed order; the plan stands when all are ok.
    """
    return (
        *charging_findings(plan),
        *standing_findings(plan),
        *clause_findings(plan),
        *hydrogen_findings(plan),
        *roadside_findings(plan),
        *testroad_findings(plan),
        *sharing_findings(plan),
        *service_findings(plan),
        *pilot_findings(plan),
        *lock_findings(plan),
        *certificate_findings(plan),
        *built_proof_findings(plan),
        *joint_findings(plan),
        *year_findings(plan),
    )
