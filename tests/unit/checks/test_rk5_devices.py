"""RK502, RK503."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.checks import _masks
from rocmkit.facts import Agent, EnvLine, Facts, Gpu, Runtime, gap
from tests.support.checks import fix, found, ok, run, skipped
from tests.support.facts import GPU, KFD, changed, machine

ROCR, HIP, CUDA, ORDINAL = _masks.NAMES
SHOW = 'rocminfo | grep -E "Name: +gfx"'
UUID = "GPU-2490210172fc1a88"


def gpus(*kinds: str) -> tuple[Gpu, ...]:
    small = {"gfx1036", "gfx1103", "gfx942a"}
    return tuple(
        changed(GPU, gfx=gfx.removesuffix("a"), integrated=gfx in small, kfd_node=n, pci=f"0000:0{n}:00.0")
        for n, gfx in enumerate(kinds, 1)
    )


def several(*kinds: str, env: dict[str, str] | None = None, **sections: object) -> Facts:
    cards = gpus(*kinds)
    nodes = tuple(changed(KFD.gpu_nodes[0], node=card.kfd_node) for card in cards)
    agents = Runtime(agents=tuple(Agent(name=card.gfx or "", marketing_name=None, isa=None) for card in cards), error=None)
    values: dict[str, object] = {"kfd": changed(KFD, gpu_nodes=nodes), "runtime": agents, **sections}
    return machine(gpus=cards, env=env or {}, **values)


def test_nothing_set() -> None:
    assert ok("RK502", machine()).seen[0].where == "environment"
    ok("RK502", machine(env={"NVIDIA_VISIBLE_DEVICES": "-1"}))


@pytest.mark.parametrize("value", ["", "-1", "1", "7", "abc", "0x1", ",0", "all"])
def test_rocr_hides_all(value: str) -> None:
    one = found("RK502", machine(env={ROCR: value}))
    assert (one.subject, one.confidence) == (ROCR, "sure")
    assert fix(one).commands == (f"unset {ROCR}",)
    assert fix(one).verify == (f"printenv {ROCR} || echo unset", SHOW)
    assert [seen.where for seen in one.seen] == ["environment", "/sys/class/kfd/kfd/topology/nodes"]
    assert run("RK502", machine(env={ROCR: value})).severity == "error"


@pytest.mark.parametrize("name", [HIP, CUDA])
@pytest.mark.parametrize("value", ["-1", "1", "7", "abc", "-1,0"])
def test_hip_hides_all(name: str, value: str) -> None:
    one = found("RK502", machine(env={name: value}))
    assert (one.subject, one.confidence) == (name, "sure")
    assert str(one.message) == f"{name}={value} hides every GPU"


@pytest.mark.parametrize("name", [HIP, CUDA])
def test_empty_hides_from_pytorch_only(name: str) -> None:
    one = found("RK502", machine(env={name: ""}))
    assert (one.subject, one.confidence) == (name, "likely")
    assert "PyTorch" in str(one.message)


def test_which_variable_counts() -> None:
    ok("RK502", machine(env={HIP: "0", CUDA: "-1"}))  # HIP goes by its own
    assert found("RK502", machine(env={HIP: "", CUDA: "0"})).subject == HIP
    ok("RK502", machine(env={ROCR: "0", CUDA: ""}))
    assert found("RK502", machine(env={ROCR: "", HIP: "0"})).subject == ROCR
    assert found("RK502", machine(env={ORDINAL: "3"})).confidence == "likely"
    ok("RK502", machine(env={ORDINAL: "0"}))


def test_hip_counts_what_rocr_leaves() -> None:
    one = found("RK502", several("gfx906", "gfx906", env={ROCR: "1", HIP: "1"}))
    assert (one.subject, one.confidence) == (HIP, "sure")
    assert "leaves 1 GPU(s), and HIP counts those from 0" in str(one.cause)
    ok("RK502", several("gfx906", "gfx906", env={ROCR: "1", HIP: "0"}))
    ok("RK502", several("gfx906", "gfx906", env={HIP: "1"}))
    too_high = found("RK502", several("gfx906", "gfx906", env={HIP: "2"}))
    assert "the highest number here is 1" in str(too_high.cause)


def test_some_entries_dropped() -> None:
    one = found("RK502", several("gfx906", "gfx906", env={HIP: "0,5"}))
    assert (one.subject, one.confidence) == (HIP, "likely")
    assert "'5'" in str(one.message)
    assert found("RK502", several("gfx906", "gfx906", env={ROCR: "1,1"})).subject == ROCR
    longer = found("RK502", several("gfx906", "gfx906", env={ROCR: "0", HIP: "0,1"}))
    assert "RuntimeError" in str(longer.cause)


def test_blanks_are_read_differently_by_age() -> None:
    assert found("RK502", machine(env={HIP: " 0"})).confidence == "likely"
    assert "'  1'" in str(found("RK502", several("gfx906", "gfx906", env={HIP: "0,  1"})).message)
    ok("RK502", several("gfx906", "gfx906", env={ROCR: " 0 , 1 "}))


def test_uuids_are_unknown_rather_than_sure() -> None:
    hidden = Runtime(agents=(), error=None)
    one = found("RK502", machine(env={ROCR: UUID}, runtime=hidden))
    assert (one.subject, one.confidence) == (ROCR, "likely")
    ok("RK502", machine(env={ROCR: UUID}))  # rocminfo shows a GPU
    assert "UUID" in skipped("RK502", machine(env={ROCR: UUID}, runtime=gap("absent", "no rocminfo")))
    assert "UUID" in skipped("RK502", machine(env={HIP: UUID}))
    assert found("RK502", machine(env={ROCR: UUID, HIP: "-1"}, runtime=gap("absent", ""))).confidence == "sure"
    assert found("RK502", machine(env={ROCR: UUID, HIP: "1"}, runtime=gap("absent", ""))).confidence == "likely"


def test_only_the_processor_s_gpu_is_shown() -> None:
    one = found("RK502", several("gfx1100", "gfx1036", env={HIP: "1"}))
    assert (one.subject, one.confidence) == (HIP, "likely")
    assert "hides 0000:01:00.0" in str(one.message)
    assert found("RK502", several("gfx1100", "gfx1036", env={ROCR: "1"})).subject == ROCR
    ok("RK502", several("gfx1036", env={HIP: "0"}))


def test_the_file_that_sets_it_is_named() -> None:
    line = EnvLine(file="/etc/environment", name=HIP, value="-1")
    one = found("RK502", machine(env={HIP: "-1"}, env_files=(line, changed(line, name=ROCR))))
    assert fix(one).commands == (f"unset {HIP}", f"sudo sed -i.bak '/\\b{HIP}\\b/s/^/# /' /etc/environment")
    assert fix(one).root and fix(one).caution is not None
    assert fix(found("RK502", machine(env={HIP: "-1"}, env_files=gap("denied", "")))).commands == (f"unset {HIP}",)


def test_masks_without_facts() -> None:
    assert "why" in skipped("RK502", machine(env=gap("not-executed", "why")))
    assert "why" in skipped("RK502", machine(env={HIP: "-1"}, kfd=gap("denied", "why")))
    assert "KFD has no GPU" in skipped("RK502", machine(env={HIP: "-1"}, kfd=changed(KFD, gpu_nodes=())))
    assert "3: torn" in skipped("RK502", machine(env={HIP: "0"}, kfd=changed(KFD, unreadable_nodes=("3: torn",))))
    assert "no AMD GPU" in skipped("RK502", machine(env={HIP: "-1"}, gpus=()))


WORD = st.one_of(st.text(max_size=8), st.sampled_from(["0", "1", "2", "-1", " 0", "0x1", "01", "GPU-", UUID, "", "²", "0 "]))


@given(st.dictionaries(st.sampled_from(_masks.NAMES), st.lists(WORD, max_size=4).map(",".join)), st.integers(1, 3))
def test_any_list_gives_an_outcome(env: dict[str, str], count: int) -> None:
    facts = several(*["gfx906"] * count, env=env)
    assert run("RK502", facts).outcome in {"found", "ok", "skipped"}
    assert run("RK503", facts).outcome in {"ok", "skipped"}
    shown = _masks.visible(env, count)
    assert shown is None or (len(set(shown)) == len(shown) and set(shown) <= set(range(count)))


@given(st.text(max_size=12), st.integers(1, 4))
def test_masks_stay_within_the_machine(value: str, count: int) -> None:
    for mask in (_masks.rocr(value, count), _masks.hip(HIP, value, count)):
        assert mask.visible is None or set(mask.visible) <= set(range(count))


def test_masks_as_the_runtimes_read_them() -> None:
    assert _masks.rocr("0,1,", 2).visible == (0, 1)
    assert _masks.rocr("1,0", 2).visible == (1, 0)
    assert _masks.rocr("0x1,00", 2).visible == (1, 0)
    assert _masks.rocr("0,9", 1).visible == (0,)  # no more entries are read than there are GPUs
    assert _masks.rocr("GPU-2490", 2).visible is None
    assert _masks.rocr("G", 2).visible == ()
    assert _masks.hip(HIP, "1,1,0", 2).visible == (1, 0)
    assert _masks.hip(HIP, "00", 2).visible == ()
    assert _masks.visible({ROCR: "2,0", HIP: "1"}, 3) == (0,)


def test_one_kind_of_gpu() -> None:
    assert ok("RK503", machine()).seen[0].what == "gfx906, a card of its own"
    ok("RK503", several("gfx906", "gfx906"))
    ok("RK503", several("gfx1103"))
    ok("RK503", several("gfx942a", "gfx906"))  # the MI300A shares a package with a processor, and is no iGPU


def test_card_and_processor() -> None:
    facts = several("gfx1100", "gfx1036")
    one = found("RK503", facts)
    assert (one.subject, one.confidence) == ("gfx1036", "sure")
    assert fix(one).commands == ("export ROCR_VISIBLE_DEVICES=0",)
    assert fix(one).verify == (SHOW,)
    assert "part of the processor" in one.seen[1].what
    assert run("RK503", facts).severity == "warning"
    assert found("RK503", several("gfx1100", "gfx1036", runtime=gap("absent", ""))).confidence == "likely"


def test_the_cards_numbers_are_kfd_s_order() -> None:
    assert fix(found("RK503", several("gfx1036", "gfx1100", "gfx1100"))).commands == ("export ROCR_VISIBLE_DEVICES=1,2",)


def test_a_gpu_that_the_probe_left_open_is_looked_up() -> None:
    unsure = tuple(changed(one, integrated=None) for one in gpus("gfx1100", "gfx1036"))
    assert found("RK503", changed(several("gfx1100", "gfx1036"), gpus=unsure)).subject == "gfx1036"


@pytest.mark.parametrize("env", [{ROCR: "0"}, {HIP: "0"}, {CUDA: "0"}])
def test_hidden_by_a_variable(env: dict[str, str]) -> None:
    assert ok("RK503", several("gfx1100", "gfx1036", env=env)).seen[0].where == "environment"


def test_a_variable_that_does_not_hide_it() -> None:
    one = found("RK503", several("gfx1100", "gfx1036", env={HIP: "1,0"}))
    assert fix(one).commands == (f"unset {HIP}", "export ROCR_VISIBLE_DEVICES=0")
    line = EnvLine(file="~/.profile", name=HIP, value="1,0")
    one = found("RK503", several("gfx1100", "gfx1036", env={HIP: "1,0"}, env_files=(line,)))
    assert "~/.profile" in str(fix(one).text)


def test_uuid_chooses() -> None:
    left = Runtime(agents=(Agent(name="gfx1100", marketing_name=None, isa=None),), error=None)
    ok("RK503", several("gfx1100", "gfx1036", env={ROCR: UUID}, runtime=left))
    assert found("RK503", several("gfx1100", "gfx1036", env={ROCR: UUID})).confidence == "sure"
    assert "UUID" in skipped("RK503", several("gfx1100", "gfx1036", env={ROCR: UUID}, runtime=gap("absent", "")))


def test_mix_without_facts() -> None:
    assert "RK502" in skipped("RK503", several("gfx1100", "gfx1036", env={ROCR: "-1"}))
    assert "why" in skipped("RK503", machine(kfd=gap("denied", "why")))
    assert "why" in skipped("RK503", machine(env=gap("denied", "why")))
    assert "KFD has no GPU" in skipped("RK503", machine(kfd=changed(KFD, gpu_nodes=())))
    assert "no AMD GPU" in skipped("RK503", machine(gpus=()))


@pytest.mark.parametrize("value", ["GPU-<set>", "GPU-<set>,GPU-<set>", "gpu-<set>"])
def test_a_uuid_as_the_host_gives_it_is_still_a_uuid(value: str) -> None:
    """Its digits are a serial number and do not leave the host."""
    assert _masks.rocr(value, 2).visible is None
    assert _masks.hip(_masks.HIP, value, 2).visible is None
