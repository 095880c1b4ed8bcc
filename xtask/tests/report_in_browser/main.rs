//! The report as a reader has it: opened from disk in Chromium, by pointer and by
//! keyboard, with hostile text in every field.

mod chromium;
mod page;
mod real;
mod results;

use page::Page;
use results::{POSITIONS, STEPS, TOP};

const CELLS: &str = ".heat-map .cells";
const DETAILS: &str = ".heat-map .details";
const STATUS: &str = ".player .status";

#[test]
fn nothing_is_fetched_runs_or_complains() {
    let page = Page::open();
    // Every part is used once, so that whatever runs late has run.
    page.point_at(&format!("{CELLS} > :nth-child(2)"));
    page.point_at(".player .cells > :nth-child(2)");
    page.click(".player .back");
    page.value::<Option<String>>(
        "document.querySelectorAll('details').forEach(d => d.open = true)",
    );
    page.value::<bool>("new Promise(done => setTimeout(() => done(true), 200))");

    assert!(page.value::<bool>("window.broken === undefined"));
    assert_eq!(page.count("img[src=x], iframe, object, embed, link, base"), 0);
    assert_eq!(page.count("script"), 2, "the page's own and the recording");
    let requests = page.requests();
    let fetched: Vec<_> = requests.iter().filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(fetched.len(), 1, "{fetched:?}");
    assert!(fetched[0].starts_with("file:") && fetched[0].ends_with("report.html"), "{fetched:?}");
    assert_eq!(page.complaints(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_script_that_is_not_the_reports_own_is_refused() {
    let page = Page::open();
    page.run(
        "const script = document.createElement('script'); \
         script.textContent = 'window.broken = 1'; \
         document.body.append(script); document.body.insertAdjacentHTML('beforeend', \
         '<img src=data:, onerror=\"window.broken = 1\">')",
    );
    page.wait_for("[...document.images].at(-1).complete");
    assert!(page.value::<bool>("window.broken === undefined"));
    assert!(!page.complaints().is_empty(), "the policy reports what it refused");
}

#[test]
fn the_first_screen_is_the_table_of_verdicts() {
    let page = Page::open();
    let bottom: f64 =
        page.value("document.querySelector('.verdicts').getBoundingClientRect().bottom");
    assert!(bottom < 900.0, "{bottom}");
    let row = |id: &str| -> String {
        page.value(&format!(
            "document.querySelector('.verdicts a[href=\"#{id}\"]').closest('tr').innerText"
        ))
    };
    assert!(row("probe-example").contains("not supported"));
    let old = row("probe-aggregate");
    assert!(old.contains("made by another version (0.0.9): run it again with --force"), "{old}");
    let failed = row("mask-count");
    assert!(failed.contains("could not run") && failed.contains("window.broken"), "{failed}");
    page.click(".verdicts a[href='#probe-example']");
    page.wait_for("location.hash === '#probe-example'");
}

#[test]
fn every_figure_renders() {
    let page = Page::open();
    let drawn: Vec<bool> =
        page.value("[...document.images].map(i => i.complete && i.naturalWidth > 0)");
    assert_eq!(drawn, [true; 3]);
    assert!(page.shows(CELLS) && page.shows(".player .cells"));
    let stills: Vec<bool> = page.value("[...document.images].map(i => i.checkVisibility())");
    assert_eq!(
        stills,
        [false, true, false],
        "curves have nothing that takes their picture's place"
    );
    let rows: usize =
        page.value("document.querySelectorAll('figure:nth-of-type(2) tbody tr').length");
    assert_eq!(rows, 2, "the points of the curves");
}

#[test]
fn the_pointer_shows_the_best_tokens() {
    let page = Page::open();
    assert_eq!(page.count(&format!("{CELLS} > *")), POSITIONS);
    page.point_at(&format!("{CELLS} > :nth-child(3)"));
    page.wait_for(&format!("document.querySelectorAll('{DETAILS} li').length === {TOP}"));
    let details = page.text(DETAILS);
    assert!(details.starts_with("Position 2entropy 0.2 nats"), "{details}");
    assert!(details.contains(r#""\n\n""#) && details.contains("0.7695"), "{details}");
    page.point_at(&format!("{CELLS} > :nth-child(2)"));
    page.wait_for(&format!("document.querySelector('{DETAILS} h4').textContent === 'Position 1'"));
    let token = page.text(&format!("{DETAILS} li .raw"));
    assert!(token.starts_with("\"<img src=x onerror=") && token.contains("\\u{202e}"), "{token}");
}

#[test]
fn the_keyboard_shows_the_best_tokens() {
    let page = Page::open();
    let position = |page: &Page| page.text(&format!("{DETAILS} h4"));
    // One stop of the tab key, not one a position.
    assert_eq!(
        page.value::<usize>(&format!(
            "document.querySelectorAll('{CELLS} > [tabindex=\"0\"]').length"
        )),
        1
    );
    page.focus(&format!("{CELLS} > [tabindex='0']"));
    assert_eq!(position(&page), "Position 0");
    let moves = [
        ("ArrowRight", 1),
        ("ArrowDown", 11),
        ("End", 29),
        ("ArrowRight", 29),
        ("ArrowUp", 19),
        ("ArrowLeft", 18),
        ("Home", 0),
        ("ArrowUp", 0),
    ];
    for (key, expected) in moves {
        page.press(&[key]);
        assert_eq!(position(&page), format!("Position {expected}"), "{key}");
    }
    let live: String = page.value(&format!("document.querySelector({DETAILS:?}).ariaLive"));
    assert_eq!(live, "polite");
    page.press(&["ArrowRight", "Tab"]);
    assert!(page.value::<bool>(&format!("!document.activeElement.matches('{CELLS} > *')")));
    assert_eq!(
        page.value::<usize>(&format!(
            "document.querySelectorAll('{CELLS} > [tabindex=\"0\"]').length"
        )),
        1
    );
}

#[test]
fn the_player_steps_and_scrubs() {
    let page = Page::open();
    let token =
        |place: usize| page.text(&format!(".player .cells > :nth-child({}) .token", place + 1));
    assert!(page.text(STATUS).starts_with("Step 12 of 12, evaluation 24: set ·again at 3 (0.9)."));
    assert_eq!(token(3), "·again");

    page.focus(".player .scrub");
    page.press(&["Home"]);
    assert!(page.text(STATUS).starts_with("Step 0 of 12"));
    assert!((0..STEPS).all(|place| token(place) == "░"));
    assert!(page.value::<bool>("document.querySelector('.player .back').disabled"));

    for _ in 0..4 {
        page.click(".player .forward");
    }
    assert_eq!((token(3), token(4)), ("·word4".to_string(), "░".to_string()));
    assert!(token(1).starts_with("<img·src=x"));
    let place = "document.querySelector('.player .cells').children[3]";
    assert!(page.value::<bool>(&format!("{place}.classList.contains('fresh')")));
    let label: String = page.value(&format!("{place}.ariaLabel"));
    assert_eq!(label, "position 3: \" word4\", confidence 0.3333, step 4");

    // Masked again: first with what it lost, then as a mask of its own kind.
    page.focus(".player .scrub");
    page.press(&["ArrowRight", "ArrowRight"]);
    assert!(page.text(STATUS).contains("masked again 3."));
    assert_eq!(token(3), "·word4");
    assert!(page.value::<bool>(&format!("{place}.dataset.state === 'again'")));
    assert!(page.value::<bool>(&format!("{place}.firstChild.classList.contains('lost')")));
    page.press(&["ArrowRight"]);
    assert_eq!(token(3), "▒");
    page.click(".player .back");
    assert!(page.text(STATUS).starts_with("Step 6 of 12"));
    let value: String =
        page.value("document.querySelector('.player .scrub').getAttribute('aria-valuetext')");
    assert_eq!(value, "step 6 of 12");
}

#[test]
fn the_player_plays_to_the_end_and_pauses() {
    let page = Page::open();
    let live = || page.value::<String>(&format!("document.querySelector({STATUS:?}).ariaLive"));
    page.focus(".player .speed");
    page.value::<Option<String>>(
        "(() => { document.querySelector('.player .speed').value = '4'; })()",
    );
    page.focus(".player .play");
    page.press(&["Enter"]);
    assert_eq!((page.text(".player .play"), live()), ("Pause".to_string(), "off".to_string()));
    page.wait_for("document.querySelector('.player .scrub').value >= 2");
    page.press(&["Enter"]);
    assert_eq!((page.text(".player .play"), live()), ("Play".to_string(), "polite".to_string()));
    let stopped: u32 = page.value("Number(document.querySelector('.player .scrub').value)");
    assert!(stopped < STEPS as u32);
    page.press(&["Enter"]);
    page.wait_for(&format!("document.querySelector('.player .scrub').value == {STEPS}"));
    page.wait_for("document.querySelector('.player .play').textContent === 'Play'");
    assert_eq!(live(), "polite");
}

#[test]
fn the_player_knows_samples_and_histories() {
    let page = Page::open();
    page.point_at(".player .cells > :nth-child(4)");
    page.wait_for(
        "document.querySelector('.player .details').textContent.startsWith('Position 3')",
    );
    assert_eq!(
        page.text(".player .details"),
        "Position 3: step 4 \" word4\" 0.3333; step 6 masked again; step 12 \" again\" 0.9."
    );
    let level = || {
        page.value::<u32>(
            "Number(document.querySelector('.player .cells').children[3].dataset.level)",
        )
    };
    assert_eq!(level(), 36, "0.9 of 40");
    page.focus(".player .colour");
    page.press(&["ArrowDown"]);
    page.wait_for("document.querySelector('.player .colour').value === 'step'");
    assert_eq!(level(), 3, "the last of twelve steps: a twelfth of 40");
    page.focus(".player .sample");
    page.press(&["ArrowDown"]);
    page.wait_for("document.querySelector('.player .cells').children.length === 3");
    assert!(page.text(STATUS).starts_with("Step 2 of 2, evaluation 2: set ·other at 0 (0.5)."));
    assert!(!page.shows(".player .prompt"));
}

#[test]
fn a_definition_is_one_key_away() {
    let page = Page::open();
    let shown = || page.shows(".note p");
    assert!(!shown());
    page.focus(".note summary");
    page.press(&["Enter"]);
    assert!(shown());
    page.click(".note summary");
    assert!(!shown());
}

#[test]
fn all_text_can_be_read_and_nothing_sticks_out() {
    let page = Page::open();
    page.value::<Option<String>>(
        "document.querySelectorAll('details').forEach(d => d.open = true)",
    );
    page.focus(".player .scrub");
    for _ in 0..6 {
        page.press(&["ArrowLeft"]);
    }
    for (scheme, width, name) in [
        ("light", 1400, "light"),
        ("dark", 1400, "dark"),
        ("light", 400, "narrow"),
        ("dark", 400, "narrow-dark"),
    ] {
        page.emulate(scheme, "screen", width);
        page.point_at(&format!("{CELLS} > :nth-child(2)"));
        let faint: Vec<(String, f64)> = page.value(include_str!("faint_text.js"));
        assert!(faint.is_empty(), "{name}: {faint:?}");
        page.keep_picture(name);
        let beyond: Vec<String> = page.value(
            "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() && \
             !e.parentElement.closest('.wide, .still, .prompt, pre') && \
             e.getBoundingClientRect().right > document.documentElement.clientWidth + 1) \
             .map(e => `${e.className} ${e.textContent.slice(0, 40)}`)",
        );
        assert!(beyond.is_empty(), "{name}: beyond the page: {beyond:#?}");
    }
}

#[test]
fn the_reader_may_choose_the_theme() {
    let page = Page::open();
    let background = || page.value::<String>("getComputedStyle(document.body).backgroundColor");
    page.emulate("light", "screen", 1400);
    let light = background();
    page.click(".theme");
    assert_eq!((page.text(".theme"), background()), ("Theme: light".to_string(), light.clone()));
    page.click(".theme");
    assert_eq!(page.text(".theme"), "Theme: dark");
    assert_ne!(background(), light);
}

#[test]
fn paper_gets_the_pictures() {
    let page = Page::open();
    page.emulate("dark", "print", 800);
    let stills: Vec<bool> = page.value("[...document.images].map(i => i.checkVisibility())");
    assert_eq!(stills, [true; 3]);
    let hidden = ["nav", ".theme", ".heat-map", ".player"];
    for selector in hidden {
        assert!(!page.shows(selector), "{selector}");
    }
    let background: String = page.value("getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, "rgb(255, 255, 255)");
    let table = "document.querySelector('.in-print table')";
    assert!(page.value::<bool>(&format!("{table}.getBoundingClientRect().height > 100")));
    page.keep_picture("print");
    assert!(page.keep_print("print").starts_with(b"%PDF"));
}
