"""Every table of the product, imported once so that the metadata is whole."""

from operator_qos.accounts.models import ApiKey, FailedAttempt, KeyUse, User
from operator_qos.acts.models import Act, ActAdapter, SourceTotal
from operator_qos.audit.models import AuditRow
from operator_qos.badges.models import PublicBadge
from operator_qos.connections.models import (
    Connection,
    ConnectionCursor,
    ConnectionRun,
    ConnectionThing,
    ConnectionWish,
    FigureCount,
    FigureDifference,
)
from operator_qos.db import Base
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.events.models import Entity, Event, EventBody, EventId, ImportProgress, Quarantined
from operator_qos.exclusions.models import ExclusionRequest, FaultIncident
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.imports.models import ImportRun, MappingVersion
from operator_qos.lake.models import LakeBuild, LakeShop
from operator_qos.ledger.models import MetricDay, Obligation, OutcomeRow, Scorecard
from operator_qos.me.models import CalendarFeed, FollowedObligation, ObligationChange, ObligationFeed
from operator_qos.notebook.models import SavedView, ShopNote
from operator_qos.notices.models import JobLease, Notice, NoticeRead, OutboxMail
from operator_qos.operations.models import JobRun
from operator_qos.receiving.models import ReceivedHook, Receiver
from operator_qos.recourse.models import ActionPlan, Appeal, Restatement
from operator_qos.reports.models import ReportSubscription, SavedExport
from operator_qos.sellers.models import Marketplace, Seller, Shop, ShopTraits
from operator_qos.sources.models import SourceArrival, SourceCount
from operator_qos.standards.models import StandardTry, StandardVersion
from operator_qos.standing.models import (
    EvaluationResult,
    EvaluationRun,
    LiveRule,
    LiveStanding,
    ShopStanding,
    StandingChange,
)
from operator_qos.statements.models import Statement
from operator_qos.trials.models import PhantomChange, PhantomStanding, StandardTrial

__all__ = [
    "Act", "ActAdapter", "ActionPlan", "ApiKey", "Appeal", "AuditRow", "Base", "CalendarFeed", "Connection",
    "ConnectionCursor", "ConnectionRun", "ConnectionThing", "ConnectionWish", "Dispute", "DisputeStep", "Entity",
    "EvaluationResult", "EvaluationRun", "Event", "EventBody", "EventId", "ExclusionRequest", "FailedAttempt",
    "FaultIncident", "FigureCount", "FigureDifference", "FollowedObligation", "Hook", "HookCall", "ImportProgress",
    "ImportRun", "JobLease", "JobRun", "KeyUse", "LakeBuild", "LakeShop", "LiveRule", "LiveStanding", "MappingVersion",
    "Marketplace", "MetricDay", "Notice", "NoticeRead", "Obligation", "ObligationChange", "ObligationFeed",
    "OutboxMail", "OutcomeRow", "PhantomChange", "PhantomStanding", "PublicBadge", "Quarantined", "ReceivedHook",
    "Receiver", "ReportSubscription", "Restatement", "SavedExport", "SavedView",
    "Scorecard", "Seller", "Shop", "ShopNote", "ShopStanding",
    "ShopTraits", "SourceArrival", "SourceCount", "SourceTotal", "StandardTrial", "StandardTry", "StandardVersion",
    "StandingChange", "Statement", "User",
]
