"""Remembering an announcement in a real Chromium: nothing is kept that was not played whole."""

from __future__ import annotations

import pytest
from page_calls import SPEECH_END_S, SPEECH_START_S, add_call
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import Site, browser, context, sign_in, site

from recognizer.web.pages.page import page_of

__all__ = ["browser", "context", "site"]

pytestmark = pytest.mark.browser

PLAY_FROM = """([audio, seconds]) => new Promise(resolve => {
  const begin = () => {
    audio.currentTime = seconds;
    audio.playbackRate = 2;
    audio.play().then(resolve);
  };
  if (audio.readyState >= 1) begin(); else audio.addEventListener("loadedmetadata", begin);
})"""
# A browser stops by itself at the end of the stretch that the address names.
STOPPED = "([audio, until]) => audio.currentTime >= until || audio.paused"


def play(page: Page, from_s: float, until_s: float) -> None:
    """Play twice as fast, from one moment to another, and stop."""
    audio = page.locator("[data-stretch] audio").first
    page.evaluate(PLAY_FROM, [audio.element_handle(), from_s])
    page.wait_for_function(STOPPED, arg=[audio.element_handle(), until_s])
    audio.evaluate("audio => audio.pause()")


def test_a_stretch_is_kept_only_once_it_was_played_from_its_start_to_its_end(
    context: BrowserContext, site: Site
) -> None:
    call = add_call(site.app, "new-wording--remembered.wav", sound=True)
    page = sign_in(context)
    page.goto(f"/announcements/new?call={call}")
    keep, hint = page.get_by_role("button", name="Запомнить"), page.get_by_text("до конца")
    expect(keep).to_be_disabled()
    expect(hint).to_be_visible()
    play(page, SPEECH_END_S - 0.5, SPEECH_END_S + 0.2)
    expect(keep).to_be_disabled()  # only its end was heard
    play(page, SPEECH_START_S, SPEECH_START_S + 1)
    expect(keep).to_be_disabled()  # only its beginning
    play(page, SPEECH_START_S, SPEECH_END_S + 0.2)
    expect(keep).to_be_enabled()
    expect(hint).to_be_hidden()
    page.get_by_label("С какой секунды").fill(str(SPEECH_START_S - 0.2))
    page.get_by_label("Что говорится").click()
    expect(keep).to_be_disabled()  # another stretch has to be heard too
    play(page, SPEECH_START_S - 0.2, SPEECH_END_S + 0.2)
    expect(keep).to_be_enabled()
    page.get_by_label("Что говорится").fill("набранный номер не используется")
    page.get_by_label("Что это значит").select_option("not_in_service")
    keep.click()
    expect(page).not_to_have_url(f"{site.address}/announcements/new?call={call}")
    (waiting,) = page_of(site.app).announcements.waiting()
    assert waiting.call_id == call

    context.clear_cookies()
    page = sign_in(context, "supervisor")
    page.goto("/announcements")
    confirm = page.get_by_role("button", name="Запомнить")
    expect(confirm).to_be_disabled()
    play(page, waiting.start_s, waiting.end_s + 0.2)
    expect(confirm).to_be_enabled()
    confirm.click()
    expect(page.get_by_text("запись узнаётся")).to_be_visible()
    (known,) = page_of(site.app).announcements.known()
    assert known.id == waiting.announcement.id
