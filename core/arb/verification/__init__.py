"""Whole-system episodes under simulation: the real runtime, a world that fails, an auditor that sees everything."""

from ._audit_end import Books, check_books, check_dust, check_money, check_rest
from ._audit_exposure import NakedTime
from ._auditor import Auditor, AuditRules, Sight, Violation
from ._campaign import (
    EVERY_PROFILE,
    CampaignResult,
    Percentiles,
    Work,
    play,
    profile_of,
    run_campaign,
    seeds_work,
)
from ._coverage import Coverage, Point, await_points, cover_crashes
from ._database import Changes
from ._kinds import Code, FaultKind
from ._process import CrashPlan, Killed
from ._profile import PROFILES, Profile
from ._result import EpisodeResult
from ._running import run_episode
from ._scenario import (
    Expectation,
    Scenario,
    Setup,
    adl,
    at,
    book,
    clock_jump,
    close_venue,
    commit_fails,
    crash,
    delist,
    disk_full,
    ends,
    fault,
    halt,
    holds,
    kill,
    liquidate,
    never_told,
    orders,
    price_jump,
    resume,
    second_process,
    told,
    when,
)
from ._scenarios import SCENARIOS
from ._stage import run_scenario
from ._timeline import timeline

__all__ = [
    "AuditRules",
    "Auditor",
    "Books",
    "CampaignResult",
    "Changes",
    "Code",
    "Coverage",
    "CrashPlan",
    "EVERY_PROFILE",
    "EpisodeResult",
    "Expectation",
    "FaultKind",
    "Killed",
    "NakedTime",
    "PROFILES",
    "Percentiles",
    "Point",
    "Profile",
    "SCENARIOS",
    "Scenario",
    "Setup",
    "Sight",
    "Violation",
    "Work",
    "adl",
    "at",
    "await_points",
    "book",
    "check_books",
    "check_dust",
    "check_money",
    "check_rest",
    "clock_jump",
    "close_venue",
    "commit_fails",
    "cover_crashes",
    "crash",
    "delist",
    "disk_full",
    "ends",
    "fault",
    "halt",
    "holds",
    "kill",
    "liquidate",
    "never_told",
    "orders",
    "play",
    "price_jump",
    "profile_of",
    "resume",
    "run_campaign",
    "run_episode",
    "run_scenario",
    "second_process",
    "seeds_work",
    "timeline",
    "told",
    "when",
]
