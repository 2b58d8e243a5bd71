"""The rules of our own, for what no tool sees."""

from collections.abc import Iterator

from bookmarkai_infra.checks.rules import lasting, media, permissions, tasks, watching, wiring
from bookmarkai_infra.checks.stacks import Facts, Rule, Stacks

RULES: tuple[Rule, ...] = (
    media.buckets_are_closed,
    media.buckets_write_access_logs,
    media.temporary_media_expire,
    media.events_reach_the_queue,
    media.queues_have_a_dead_letter_queue,
    media.uploads_come_from_known_pages,
    media.cdn_serves_signed_links_only,
    permissions.actions_are_named,
    permissions.resources_are_named,
    permissions.metrics_go_to_our_namespace,
    permissions.roles_that_are_passed_are_few,
    permissions.only_the_cleaner_deletes_media,
    permissions.nothing_runs_in_lambda,
    permissions.no_secret_is_written_down,
    tasks.the_daemon_runs_once,
    tasks.deployments_roll_back,
    tasks.services_are_probed,
    tasks.tasks_have_time_to_stop,
    tasks.images_are_pinned,
    tasks.settings_are_known,
    tasks.disks_are_mounted_by_role,
    tasks.services_listen_where_they_are_called,
    tasks.nobody_reaches_the_ui_without_a_login,
    watching.expressions_know_their_ids,
    watching.rates_have_a_minimum_sample,
    watching.metrics_are_published,
    watching.statistics_are_in_their_place,
    watching.alarms_tell_somebody,
    watching.budgets_are_well_formed,
    watching.brokers_can_be_made,
    wiring.uploads_are_noticed,
    wiring.acceleration_is_on_where_it_is_used,
    wiring.links_to_the_cdn_can_be_made,
    lasting.data_outlive_their_stack,
    lasting.the_database_is_private,
    lasting.the_disk_has_roles_only,
    lasting.only_the_entrance_is_open,
    lasting.media_go_to_s3_without_nat,
)


def apply_rules(stacks: Stacks, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield what each rule finds, with the rule's name."""
    for rule in RULES:
        for finding in rule(stacks, facts):
            yield rule.__name__, finding
