"""Faults planted in the capabilities, one at a time, each of which a named test must catch: ``make mutants``.

A mutant replaces a piece of one file in a copy of the program; then the test that is named beside it must fail there,
as it must not in the copy as it is. A mutant that lives is a promise nobody checks.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("mintaka", "lang", "runtime", "stdlib", "embedding", "capabilities", "engine", "library", "storage", "server", "client",
          "web", "models", "tests", "pyproject.toml")  # fmt: skip
PATIENCE_S = 300


@dataclass(frozen=True)
class Mutant:
    """A fault: what somebody could have written by mistake, where, and the test that notices."""

    fault: str
    file: str
    old: str
    new: str
    test: str

    def plant(self, root: Path) -> None:
        """Write the fault into the program at ``root``."""
        path = root / self.file
        path.write_text(path.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")


KERNEL = "capabilities/kernel.py"
CALLS = "capabilities/calls.py"
LEDGER = "capabilities/ledger.py"
CHAINS = "capabilities/chains.py"
ROWS = "capabilities/rows.py"
IN_KERNEL = "tests/capabilities/test_kernel.py"
WRONG = "tests/server/test_wrong_tokens.py"
WHO = "tests/capabilities/test_who_can_raise_a_limit.py"
IN_CHAINS = "tests/capabilities/test_chains.py"
VERBS = "capabilities/entities/value.py"
IN_ENTITIES = "tests/capabilities/test_entities.py"
IN_VERBS = "tests/capabilities/test_verbs.py"
CALLING = "capabilities/endpoints/calling.py"
ENDPOINTS = "capabilities/endpoints/space.py"
IN_ENDPOINTS = "tests/capabilities/test_endpoints.py"
HISTORIES = "tests/capabilities/test_histories.py"

MUTANTS = (
    Mutant(
        "a child is not bound by what its parent may not do",
        CHAINS,
        "        effective = links[origin].own\n",
        "        return links[0].own\n        effective = links[origin].own\n",
        f"{IN_KERNEL}::test_a_child_permits_only_what_every_link_above_it_permits",
    ),
    Mutant(
        "a child survives its parent",
        "capabilities/chain.py",
        "        return self.parent or self.mint\n",
        "        return self.mint\n",
        f"{IN_KERNEL}::test_revoking_ends_everything_below_and_nothing_beside",
    ),
    Mutant(
        "what was minted survives its authority",
        "capabilities/chain.py",
        "        return self.parent or self.mint\n",
        "        return self.parent\n",
        f"{IN_KERNEL}::test_minting_makes_what_the_namespace_covers_and_dies_with_its_authority",
    ),
    Mutant(
        "what was revoked is still alive",
        CHAINS,
        "if row.revoked is not None or (",
        "if (",
        f"{IN_KERNEL}::test_unknown_foreign_revoked_and_expired_are_one_answer",
    ),
    Mutant(
        "a capability lives on at the moment it expires",
        CHAINS,
        "row.expires <= self._clock()",
        "row.expires < self._clock()",
        HISTORIES,
    ),
    Mutant(
        "an edited row is believed",
        CHAINS,
        "        if seal(self._key, row._mapping, limits) != row.mac:\n            raise Dead\n",
        "",
        f"{IN_KERNEL}::test_a_row_that_was_edited_is_dead_and_never_wider",
    ),
    Mutant(
        "anybody may use anybody's capability",
        ROWS,
        "        if chain.leaf.holder != holder:\n            raise no_such_capability()\n",
        "",
        f"{IN_KERNEL}::test_unknown_foreign_revoked_and_expired_are_one_answer",
    ),
    Mutant(
        "what was read of a capability once is believed for ever",
        CHAINS,
        "if chain is None or version is None or known != version:",
        "if chain is None:",
        f"{IN_CHAINS}::test_a_revocation_by_another_process_counts_from_its_commit_on",
    ),
    Mutant(
        "a capability is remembered as it was beyond the commit that came while it was read",
        CHAINS,
        "            _remember(self._chains, id, (version, chain))",
        "            _remember(self._chains, id, (self._database.version(), chain))",
        f"{IN_CHAINS}::test_what_is_committed_while_a_capability_is_read_is_seen_with_the_next_look",
    ),
    Mutant(
        "what is remembered does not expire",
        CHAINS,
        "        elif chain.expires is not None and chain.expires <= self._clock():\n            raise Dead\n",
        "",
        f"{IN_CHAINS}::test_what_expires_is_dead_though_nobody_wrote_anything",
    ),
    Mutant(
        "what a row once meant is believed, whatever it says now",
        CHAINS,
        "if link is None or known != facts:",
        "if link is None:",
        f"{IN_KERNEL}::test_a_row_that_is_edited_after_it_was_read_is_dead_too",
    ),
    Mutant(
        "a revocation does not wait for the disk",
        KERNEL,
        "        with self._database.write() as tx:\n            chain = self._rows.read(tx, id)\n",
        "        with self._database.write(flushed=False) as tx:\n            chain = self._rows.read(tx, id)\n",
        f"{IN_KERNEL}::test_everything_but_what_a_restart_takes_back_anyway_waits_for_the_disk",
    ),
    Mutant(
        "a refusal names whoever set the limit, however far up",
        "capabilities/chain.py",
        "return Setter(next(link.issuer for link in self.links if link.issuer != holder))",
        "return Setter(binding.issuer)",
        f"{WHO}::test_a_limit_further_up_is_told_as_that_of_whom_one_has_it_from",
    ),
    Mutant(
        "a refusal tells the label of somebody else's link",
        "capabilities/chain.py",
        "return Setter(next(link.issuer for link in self.links if link.issuer != holder))",
        "return Setter(binding.label or binding.issuer)",
        f"{WHO}::test_a_limit_further_up_is_told_as_that_of_whom_one_has_it_from",
    ),
    Mutant(
        "one call may cost anything",
        "capabilities/diffusion/request.py",
        '            "max_compute": self.pixel_steps,\n',
        "",
        "tests/capabilities/test_generate.py::test_what_lies_above_a_ceiling_is_refused_by_name_and_never_drawn",
    ),
    Mutant(
        "wrong tokens are counted in each connection alone",
        "server/tokens.py",
        "            self._throttle.wrong(address)\n",
        "",
        f"{WRONG}::test_connections_of_one_address_are_throttled_together_and_those_of_others_are_not",
    ),
    Mutant(
        "a flood from everywhere locks everybody out",
        "server/throttle.py",
        "free = 1 if crowded else AT_ONCE",
        "free = 0 if crowded else AT_ONCE",
        f"{WRONG}::test_a_flood_from_everywhere_leaves_each_address_one_look",
    ),
    Mutant(
        "a flood locks out who had signed in from the same address",
        "server/tokens.py",
        "        if key not in self._known:\n            self._throttle",
        "        if True:\n            self._throttle",
        f"{WRONG}::test_a_token_that_was_right_before_is_looked_at_wherever_it_comes_from",
    ),
    Mutant(
        "a namespace is a beginning of letters, not of whole segments",
        "capabilities/places.py",
        'return tuple(asked.split("."))[: len(bound)] == bound',
        'return asked.startswith(".".join(bound))',
        "tests/capabilities/test_order_laws.py::test_a_namespace_covers_whole_segments_only",
    ),
    Mutant(
        "a seed above the highest passes",
        "capabilities/order.py",
        "return bound[0] <= asked[0] and asked[1] <= bound[1]",
        "return bound[0] <= asked[0]",
        "tests/capabilities/test_order_laws.py::test_the_meet_permits_exactly_what_both_permit",
    ),
    Mutant(
        "an unknown restriction is passed over",
        "capabilities/restrictions.py",
        "for name, value in data.items()})",
        "for name, value in data.items() if name in cls.rules})",
        "tests/capabilities/test_restrictions.py::test_an_unknown_restriction_is_refused_with_the_near_name",
    ),
    Mutant(
        "a child spends a budget of its own beside its parent's",
        LEDGER,
        "payers = [each.cap for each in chain.accounts if ",
        "payers = [each.cap for each in chain.accounts if each.cap == chain.leaf.id and ",
        f"{IN_KERNEL}::test_two_children_of_one_budget_spend_it_together",
    ),
    Mutant(
        "what is left is checked before it is taken, and not while",
        LEDGER,
        "            .where(account.c.limit - account.c.reserved - account.c.spent >= amount)\n",
        "",
        f"{IN_KERNEL}::test_a_refused_call_reserves_nothing_anywhere",
    ),
    Mutant(
        "a link's rate is skipped",
        LEDGER,
        "limited = [link.id for link in chain.links if",
        "limited = [link.id for link in [chain.leaf] if",
        f"{IN_KERNEL}::test_calls_come_no_more_often_than_every_rate_of_the_chain_lets_them",
    ),
    Mutant(
        "a call that ended still counts as running",
        LEDGER,
        "actual = 0 if unit == CONCURRENT else spent.get(unit, amount)",
        "actual = spent.get(unit, amount)",
        f"{IN_KERNEL}::test_only_so_many_calls_run_at_once_under_the_whole_chain",
    ),
    Mutant(
        "a failed call keeps what it reserved",
        "capabilities/use.py",
        "        except BaseException:\n            call.release()\n            raise",
        "        except BaseException:\n            raise",
        "tests/capabilities/test_generate.py::test_an_engine_that_fails_is_told_with_its_kind_and_costs_nothing",
    ),
    Mutant(
        "what was revoked while it ran is published",
        CALLS,
        "            self._rows.live(tx, admission.principal, admission.cap)\n            ledger.settle",
        "            ledger.settle",
        f"{IN_KERNEL}::test_what_was_revoked_while_it_ran_publishes_nothing",
    ),
    Mutant(
        "a crash keeps what was reserved",
        CALLS,
        "            ledger.release(tx, each.id, self._clock())\n            self._record_end(tx, Deed.LOST, each)\n",
        "            pass\n",
        f"{IN_KERNEL}::test_a_crash_gives_back_what_was_reserved_and_keeps_what_was_spent",
    ),
    Mutant(
        "a call that was settled before is paid again when it is made again",
        CALLS,
        "            if before is not None and before.settled:\n                return before\n",
        "            if before is not None and before.settled:\n                before = None\n                effect = None\n",
        "tests/capabilities/test_runs_that_are_resumed.py::test_a_settled_call_is_not_paid_again",
    ),
    Mutant(
        "a reference in a journal is believed as it stands",
        "capabilities/references.py",
        "if kind is not None and hmac.compare_digest(str(seal).encode(), self._seal(kind.name, of).encode()):",
        "if kind is not None:",
        "tests/capabilities/test_runs_that_are_resumed.py::test_what_was_changed_in_a_journal_gives_nobody_anything",
    ),
    Mutant(
        "an effect is done again when it is asked for again",
        "capabilities/effects.py",
        "            if kept is not None:\n",
        "            if False:\n",
        "tests/capabilities/test_runs_that_are_resumed.py"
        "::test_killed_at_any_point_a_run_ends_the_same_and_does_and_pays_everything_once",
    ),
    Mutant(
        "a stranger may revoke",
        KERNEL,
        "            if all(link.holder != revoker for link in chain.links):\n                raise no_such_capability()\n",
        "",
        f"{IN_KERNEL}::test_whoever_holds_something_above_may_revoke_and_a_stranger_may_not",
    ),
    Mutant(
        "what may not be handed on is",
        KERNEL,
        '        chain.permit({"no_delegate": True})\n',
        "",
        f"{IN_KERNEL}::test_what_may_not_be_handed_on_is_not",
    ),
    Mutant(
        "what may not be given is exported as a link",
        KERNEL,
        '            chain.permit({"no_give": True})\n            id = self._narrower',
        "            id = self._narrower",
        HISTORIES,
    ),
    Mutant(
        "a link can be redeemed once too often",
        "capabilities/share_links.py",
        "share_link.c.redemptions > 0",
        "share_link.c.redemptions >= 0",
        HISTORIES,
    ),
    Mutant(
        "tokens are kept as they are",
        "capabilities/secrets.py",
        'return blake3(secret.encode("utf-8", "surrogatepass")).digest()',
        'return secret.encode("utf-8", "surrogatepass")',
        "tests/capabilities/test_principals.py::test_what_is_kept_of_secrets_tells_none",
    ),
    Mutant(
        "a sys.mint can mint a wider one",
        KERNEL,
        "            if type == MINT:\n",
        "            if type == MINT and False:\n",
        f"{IN_KERNEL}::test_minting_is_refused_beyond_the_namespace_without_a_mint_and_of_a_mint",
    ),
    Mutant(
        "any token opens every picture",
        "server/assets.py",
        "return principal is not None and self._owns(principal, asset)",
        "return principal is not None",
        "tests/server/test_sharing.py::test_a_users_token_opens_their_own_pictures_and_nobody_elses",
    ),
    Mutant(
        "a run finds everything its principal holds",
        "capabilities/grant.py",
        "for id in self._ids if",
        "for id in [each.id for each in self.kernel.held(self.holder)] if",
        "tests/capabilities/test_grant_handles_and_words.py::test_a_run_finds_only_what_it_was_granted",
    ),
    Mutant(
        "a verb acts with all that its owner holds",
        VERBS,
        "capabilities_kept(entity.own), outer.effects)",
        "[each.id for each in self.kernel.held(entity.owner)], outer.effects)",
        f"{IN_VERBS}::test_a_deputy_does_not_lend_its_callers_its_own_authority",
    ),
    Mutant(
        "a verb acts with what its caller holds",
        VERBS,
        "            hosts={**run.powers.hosts, Grant: grant},\n",
        "            hosts=run.powers.hosts,\n",
        f"{IN_VERBS}::test_a_verb_acts_with_what_its_entity_keeps_and_not_with_what_its_caller_or_its_owner_holds",
    ),
    Mutant(
        "what an entity keeps is shown to everybody",
        VERBS,
        "self._kept if self.itself else _hidden",
        "self._kept",
        f"{IN_VERBS}::test_what_an_entity_keeps_is_seen_by_its_own_verbs_alone",
    ),
    Mutant(
        "an endpoint acts with what its caller holds",
        CALLING,
        "hosts={**run.powers.hosts, Grant: inner}",
        "hosts=run.powers.hosts",
        f"{IN_ENDPOINTS}::test_a_caller_gets_no_capability_of_the_publishers_by_result_error_or_lookup",
    ),
    Mutant(
        "an endpoint gives its publisher's capabilities away",
        CALLING,
        "        return replace(host, made_with={})\n",
        "        return replace(host, made_with={})\n    return host\n",
        f"{IN_ENDPOINTS}::test_a_caller_gets_no_capability_of_the_publishers_by_result_error_or_lookup",
    ),
    Mutant(
        "a call of an endpoint that fails keeps what it reserved",
        CALLING,
        "            use.kernel.calls.release(call)\n",
        "            pass\n",
        f"{IN_ENDPOINTS}::test_an_endpoint_draws_with_what_its_publisher_granted_and_the_picture_is_the_callers",
    ),
    Mutant(
        "any capability of a publisher's calls their endpoints",
        ENDPOINTS,
        "    if held.type != CALL:\n",
        "    if False:\n",
        f"{IN_ENDPOINTS}::test_a_capability_of_another_type_calls_none",
    ),
    Mutant(
        "endpoints that one may not call are told",
        ENDPOINTS,
        'if held.restrictions.permits("endpoints", each.name):',
        "if True:",
        f"{IN_ENDPOINTS}::test_only_what_is_named_is_reached_and_nobody_elses_of_that_name",
    ),
    Mutant(
        "an endpoint that was changed where it is kept is called",
        ENDPOINTS,
        "        if not hmac.compare_digest(",
        "        if False and not hmac.compare_digest(",
        f"{IN_ENDPOINTS}::test_a_program_that_was_changed_in_the_database_is_not_run",
    ),
    Mutant(
        "control covers the entities of whoever holds it",
        "capabilities/entities/space.py",
        "held.origin == entity.owner",
        "held.holder == entity.owner",
        f"{IN_ENTITIES}::test_control_that_was_given_away_still_covers_what_is_its_makers",
    ),
)


def passes(test: str, root: Path) -> bool:
    """Whether a test passes with the program at ``root``."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", test],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "HYPOTHESIS_STORAGE_DIRECTORY": str(root / ".hypothesis")},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode == 0


def copy_of_the_program(folder: Path) -> Path:
    """A copy that can be changed."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def main() -> None:
    """Plant each fault and say who noticed; exit code 1 where nobody did."""
    lives = []
    with tempfile.TemporaryDirectory() as folder:
        root = copy_of_the_program(Path(folder))
        for test in sorted({mutant.test for mutant in MUTANTS}):
            if not passes(test, root):
                raise SystemExit(f"{test} fails without any fault planted")
        for mutant in MUTANTS:
            mutant.plant(root)
            caught = not passes(mutant.test, root)
            shutil.copy(ROOT / mutant.file, root / mutant.file)
            print(f"{'caught' if caught else 'LIVES '}  {mutant.fault}", flush=True)
            if not caught:
                lives.append(mutant)
    print(f"{len(MUTANTS) - len(lives)} of {len(MUTANTS)} caught")
    raise SystemExit(1 if lives else 0)


if __name__ == "__main__":
    main()
