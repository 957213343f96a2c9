"""The remote party's channel is found where something tells it, else nobody is left out."""

import numpy as np
import pytest
from audio_encoding import by_soundfile

from recognizer.audio import AudioInfo, RequestedChannel, probe_audio, read_audio
from recognizer.base.errors import AudioError

RATE = 8_000
Sound = np.ndarray


def seconds(duration_s: float) -> Sound:
    return np.arange(round(duration_s * RATE)) / RATE


def silence(duration_s: float) -> Sound:
    return 0 * seconds(duration_s)


def tone(hz: float, duration_s: float, level: float = 0.1) -> Sound:
    return level * np.sin(2 * np.pi * hz * seconds(duration_s))


def ringback(n_rings: int, level: float = 0.1) -> Sound:
    """Russian ringback: 425 Hz, 1 s on, 4 s off."""
    return np.concatenate([tone(425, 1.0, level), silence(4.0)] * n_rings)


def voice(duration_s: float, seed: int, level: float = 0.1) -> Sound:
    """Something with the pitch, the pauses and the formant-like colour of a voice."""
    random = np.random.default_rng(seed)
    times_s = seconds(duration_s)
    pitch_hz = 120 + 30 * seed + 20 * np.sin(2 * np.pi * 0.7 * times_s + seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    sound = sum(np.sin(n * phase) / n for n in range(1, 20))
    syllables = np.repeat(random.random(round(duration_s * 5)) > 0.35, RATE // 5)
    return np.asarray(level * sound * np.resize(syllables, len(times_s)) / 2)


def noise(duration_s: float, level: float = 0.003, seed: int = 1) -> Sound:
    return np.random.default_rng(seed).normal(scale=level, size=round(duration_s * RATE))


def record(*channels: Sound, subtype: str = "PCM_16") -> bytes:
    length = max(map(len, channels))
    together = np.stack([np.pad(c, (0, length - len(c))) for c in channels], axis=1)
    return by_soundfile(together, RATE, "WAV", subtype)


def chosen(*channels: Sound) -> AudioInfo:
    """Return what is chosen, after checking that the order of the channels plays no part."""
    info, turned = (probe_audio(record(*order)) for order in (channels, channels[::-1]))
    if isinstance(info.channel, int):
        assert turned.channel in (len(channels) - 1 - info.channel, info.channel)
    else:
        assert turned.channel == "mix"
    return info


def test_mono_is_taken_as_it_is() -> None:
    assert probe_audio(record(voice(3, 1))).channel == 0


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.7, 0.1, 0.008])
def test_the_channel_with_ringback_is_the_remote_party(level: float) -> None:
    """0.008 is -45 dBFS. Our agent talks all the time, louder than the line."""
    remote = np.concatenate([ringback(2, level), voice(5, 2, level)])
    assert chosen(voice(15, 1, 0.3), remote).channel == 1


@pytest.mark.parametrize("seed", range(1, 6))
def test_an_agent_who_talks_while_it_rings_hides_no_ringback(seed: int) -> None:
    agent = voice(10, seed, 0.3)
    while_it_rings = np.concatenate([agent[:8_000], agent[40_000:48_000]])
    assert np.sqrt(np.mean(while_it_rings**2)) > 0.05  # the tone: 0.07
    assert chosen(agent, ringback(2)).channel == 1


@pytest.mark.parametrize(
    "signal",
    [
        np.concatenate([tone(425, 0.35), silence(0.35)] * 6),
        np.concatenate([tone(425, 0.18), silence(0.18)] * 8),
        np.concatenate([tone(950, 0.33), tone(1400, 0.33), tone(1800, 0.33)]),
        np.concatenate([silence(1.0), tone(2100, 3.0)]),
    ],
    ids=["busy", "congestion", "special information", "fax answer"],
)
def test_any_tone_of_the_network_tells_the_remote_party(signal: Sound) -> None:
    assert chosen(voice(8, 1), np.concatenate([voice(3, 2), signal])).channel == 1


def test_a_ringback_in_noise_and_through_a_codec_tells_the_remote_party() -> None:
    remote = ringback(2) + noise(10, 0.02)
    assert probe_audio(record(voice(10, 1), remote, subtype="ULAW")).channel == 1


def test_a_faint_echo_of_the_tone_in_our_channel_does_not_matter() -> None:
    remote = ringback(3)
    assert chosen(0.03 * remote + noise(15), remote).channel == 1


def test_tones_in_both_channels_tell_nothing() -> None:
    remote = ringback(3)
    assert chosen(np.roll(0.6 * remote, 300) + voice(15, 1, 0.01), remote).channel == "mix"


def test_an_empty_channel_leaves_the_other() -> None:
    info = chosen(voice(5, 1), silence(5))
    assert info.channel == 0
    assert info.channel_reason == "the other channels are silent or hold a steady noise"


def test_a_channel_of_line_noise_leaves_the_other() -> None:
    assert chosen(voice(5, 1), noise(5, 0.01)).channel == 0


def test_channels_of_the_same_sound_are_read_as_one() -> None:
    info = chosen(voice(5, 1) + noise(5, 0.001, 1), voice(5, 1) + noise(5, 0.001, 2))
    assert info.channel in (0, 1)
    assert info.channel_reason == "the channels carry the same sound"


def test_a_channel_turned_upside_down_does_not_cancel_the_other() -> None:
    data = record(voice(5, 1), -voice(5, 1))
    assert np.abs(read_audio(data).samples).max() > 0.05
    assert np.abs(read_audio(data, channel="mix").samples).max() < 1e-4


def test_of_the_same_sound_the_louder_is_read() -> None:
    assert chosen(0.2 * voice(5, 1), voice(5, 1)).channel == 1


def test_two_talking_parties_are_both_kept() -> None:
    agent, remote = voice(6, 1), voice(6, 2)
    info = chosen(agent, remote)
    assert (info.channel, info.channel_reason) == ("mix", "nothing tells the parties apart")
    samples = read_audio(record(agent, remote), sample_rate=RATE).samples
    np.testing.assert_allclose(samples, (agent + remote) / 2, atol=2e-3)


def test_silent_channels_do_not_weaken_the_mix_of_those_who_talk() -> None:
    agent, remote = voice(6, 1), voice(6, 2)
    samples = read_audio(
        record(silence(6), agent, silence(6), silence(6), remote), sample_rate=RATE
    ).samples
    np.testing.assert_allclose(samples, (agent + remote) / 2, atol=2e-3)


def test_silence_everywhere_is_silence() -> None:
    assert chosen(silence(3), silence(3)).channel == "mix"


@pytest.mark.slow
def test_a_party_who_first_speaks_after_two_minutes_is_kept() -> None:
    late = np.concatenate([silence(130), voice(5, 2)])
    assert chosen(voice(135, 1), late).channel == "mix"


@pytest.mark.slow
def test_a_voice_is_no_tone() -> None:
    for seed in range(1, 9):
        assert chosen(voice(20, seed), voice(20, seed + 1)).channel == "mix"


@pytest.mark.parametrize(
    ("channel", "expected"), [(0, 0.1), (1, -0.2), ("1", -0.2), ("mix", -0.05)]
)
def test_a_channel_that_is_asked_for_is_given(channel: RequestedChannel, expected: float) -> None:
    wave = np.sin(2 * np.pi * 300 * seconds(1))
    samples = read_audio(record(0.1 * wave, -0.2 * wave), sample_rate=RATE, channel=channel).samples
    np.testing.assert_allclose(samples, expected * wave, atol=1e-4)


def test_a_channel_that_is_not_there_is_told() -> None:
    with pytest.raises(
        AudioError, match=r"call\.wav: expected a channel number 2, found 2 ch"
    ) as e:
        read_audio(record(voice(1, 1), voice(1, 2)), channel=2, name="call.wav")
    assert e.value.kind == "no_such_channel"


@pytest.mark.parametrize("channel", ["left", "-1", -1, "", "1.5"])
def test_a_channel_that_is_none_is_wrong_usage(channel: RequestedChannel) -> None:
    with pytest.raises(ValueError, match="expected auto, mix, or a number from 0") as caught:
        read_audio(record(voice(1, 1)), channel=channel)
    assert not isinstance(caught.value, AudioError)


def test_a_recording_shorter_than_one_frame_is_mixed() -> None:
    assert chosen(voice(0.02, 1), voice(0.02, 2)).channel == "mix"
