"""The numbers of the policies that ship, as a kernel takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.message import state as st
from simulations.protocol.run import network_of

if TYPE_CHECKING:
    from simulations.chance import Chance
    from simulations.message.state import Rules
    from simulations.scenario import Scenario


def rules_of(scenario: Scenario, chance: Chance) -> Rules:
    """The numbers of the very policy that the engines of the ``protocol`` fidelity get."""
    policy = network_of(scenario, chance).policy
    timeouts = policy.timeouts
    return st.Rules(
        int(policy.k),
        int(policy.alpha),
        int(policy.beta),
        int(policy.max_failures),
        float(policy.questionable_after),
        float(policy.refresh_every),
        float(policy.record_lifetime),
        float(policy.provider_lifetime),
        float(policy.replicate_every),
        float(timeouts.short_floor),
        float(timeouts.short_initial),
        float(timeouts.short_ceiling),
        float(timeouts.long_floor),
        float(timeouts.long_initial),
        float(timeouts.long_ceiling),
        float(timeouts.forget_after),
    )
