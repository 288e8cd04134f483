"""Each fault that was seen on the pages, with the test that fails where it comes back.

A fault is a sentence, and a test is a file and the name of a function in it, or of a test of the
scripts. The tests themselves run elsewhere; here it is checked that each of them exists.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGES, BROWSER = "pages/test_{}.py", "browser/test_{}.py"
WATCHED, MINUTE = BROWSER.format("watch"), BROWSER.format("first_minute")
STARTED, TRAINED = PAGES.format("start"), PAGES.format("train")
SENTENCES = "lessons/test_sentences.py"

#: The fault, the file, the test.
FAULTS: tuple[tuple[str, str, str], ...] = (
    # Start and presets
    (
        "the first preset shows patches of 8 x 8 pixels",
        STARTED,
        "test_the_first_presets_draw_digits_of_28_pixels",
    ),
    ("no card has a moving preview", STARTED, "test_each_card_has_a_moving_preview"),
    (
        "a preset takes what the app calls no density",
        STARTED,
        "test_a_preset_takes_what_the_app_recommends_for_its_data",
    ),
    (
        "the first picture of the ring is of step 1,062",
        MINUTE,
        "test_the_ring_is_seen_from_its_first_step_on",
    ),
    ("10,000 steps last 12 s", STARTED, "test_a_preset_begins_at_its_pace"),
    (
        "a slider between frames says nothing on stale panels",
        WATCHED,
        "test_a_stale_panel_says_which_step_it_shows",
    ),
    (
        "one side of a duel is done while the other stands at 10",
        "runs/test_turns_of_a_group.py",
        "test_all_sides_advance_together",
    ),
    (
        "a wait has no estimate",
        "runs/test_waits.py",
        "test_the_estimate_is_that_of_a_simulation",
    ),
    (
        "a wait has nothing to look at",
        PAGES.format("watch"),
        "test_a_wait_in_the_queue_offers_something_that_is_trained",
    ),
    (
        "3.4 h are said to be left of 20 s",
        "js/time_left.test.js",
        "nothing is said of a run that has just begun and is still starting",
    ),
    # Watch
    (
        "sixteen equal panels at first sight",
        WATCHED,
        "test_at_first_sight_there_are_at_most_four_panels",
    ),
    (
        "a panel has no sentence and no lesson",
        WATCHED,
        "test_every_panel_says_what_one_sees_and_names_its_lesson",
    ),
    (
        "a panel cannot be enlarged",
        WATCHED,
        "test_a_panel_fills_the_window_and_gives_the_focus_back",
    ),
    ("a panel cannot be taken along", WATCHED, "test_what_a_panel_shows_can_be_saved"),
    ("the order is lost", WATCHED, "test_the_order_is_kept_in_this_browser"),
    (
        "fields are 48 cells wide",
        "js/smooth.test.js",
        "a refined field has no steps as high as those between cells",
    ),
    (
        "points jump between frames",
        "js/smooth.test.js",
        "points glide from one picture to the next and arrive",
    ),
    (
        "no point says whereto it is pushed",
        "js/smooth.test.js",
        "the sentence of a push names what D is here and there",
    ),
    ("an end remounts the cards", WATCHED, "test_no_end_of_a_run_remounts_the_cards"),
    ("a button remounts the cards", WATCHED, "test_no_button_of_a_run_remounts_the_cards"),
    (
        "zoom, layers and groups are not in the link",
        WATCHED,
        "test_the_link_holds_how_the_page_is_looked_at",
    ),
    (
        "reference labels lie on the curves",
        WATCHED,
        "test_labels_of_reference_lines_stand_outside_the_curves",
    ),
    (
        "a label is cut inside a formula",
        "js/watch.test.js",
        "a label is not broken inside a formula, and its longest part has room",
    ),
    (
        "the labels of lessons lie on the curves",
        "figures/test_lesson_figures.py",
        "test_curves_keep_their_values_and_gaps",
    ),
    ("texts of 11 pixels", WATCHED, "test_no_text_is_smaller_than_13_pixels"),
    (
        "generated is green here and blue there",
        "panels/test_roles.py",
        "test_no_other_source_names_a_colour_of_a_role",
    ),
    (
        "the ledger prints 1.16e+66",
        "js/watch.test.js",
        "a divergence that cannot be measured says why instead of a number",
    ),
    (
        "an overfitting VAE is not seen",
        "sentinel/test_symptoms.py",
        "test_a_vae_that_learns_its_examples_by_heart_is_seen",
    ),
    (
        "a GAN that knows 10 images by heart is not seen",
        "sentinel/test_symptoms.py",
        "test_a_critic_that_knows_its_images_by_heart_is_seen_after_two_looks",
    ),
    (
        "an untrained net is called collapsed",
        "sentinel/test_symptoms.py",
        "test_an_untrained_net_is_never_called_collapsed",
    ),
    (
        "remedies are unordered",
        "sentinel/test_symptoms.py",
        "test_the_most_likely_remedy_is_first",
    ),
    (
        "deleting a run shows an error",
        PAGES.format("watch"),
        "test_deleting_a_run_is_no_error_of_the_page",
    ),
    (
        "a second browser offers to resume a deleted run",
        MINUTE,
        "test_a_run_deleted_elsewhere_leaves_this_browser_without_resume",
    ),
    (
        "an unknown run on Explore is a dead end",
        PAGES.format("explore"),
        "test_an_unknown_run_is_said_in_words",
    ),
    # Train
    ("labels are names of the code", TRAINED, "test_choices_are_in_words"),
    ("a model has no group", "models/test_groups.py", "test_"),
    ("no estimate before the start", TRAINED, "test_the_form_says_what_the_run_will_need"),
    ("0.999 is shown as 1.00", TRAINED, "test_no_end_of_a_slider_is_rounded_to_another_number"),
    (
        "a bad combination offers no repair",
        TRAINED,
        "test_options_that_do_not_go_together_offer_the_repair",
    ),
    # Compare and report
    (
        "images take 270 pixels of 650",
        BROWSER.format("compare"),
        "test_images_fill_their_columns",
    ),
    (
        "a report opens with 27 rows of parameters",
        PAGES.format("compare"),
        "test_the_result_is_said_first_and_the_options_last",
    ),
    (
        "runs cannot be searched",
        PAGES.format("run_table"),
        "test_a_search_finds_what_the_table_shows_whatever_the_case",
    ),
    (
        "2,000 runs cost three times what 25 cost",
        PAGES.format("run_table"),
        "test_a_search_reads_the_long_texts_of_those_alone_that_it_shows",
    ),
    # Explore
    (
        "the first sight is 500 dots",
        BROWSER.format("explore"),
        "test_the_first_sight_is_a_map_of_images_over_the_whole_width",
    ),
    (
        "Back needs five presses",
        BROWSER.format("explore"),
        "test_back_leaves_the_page_with_one_press",
    ),
    (
        "tools have no explanation",
        PAGES.format("explore"),
        "test_each_tool_has_a_name_and_a_line_of_explanation",
    ),
    (
        "two maps are not linked",
        BROWSER.format("explore"),
        "test_what_is_meant_on_one_map_lights_up_on_the_other",
    ),
    (
        "a million points are drawn one by one",
        BROWSER.format("map_pixels"),
        "test_many_points_are_squares_of_their_colours",
    ),
    # Learn
    (
        "R3GAN's best critic runs away",
        SENTENCES,
        "test_the_best_critic_of_pairs_is_log_ratio_up_to_a_constant",
    ),
    (
        "a bar has the height of another event",
        SENTENCES,
        "test_bars_along_x_have_the_height_of_the_event_that_they_name",
    ),
    (
        "f(1) below 0 is called a divergence",
        SENTENCES,
        "test_a_row_with_f_of_one_below_zero_is_no_divergence",
    ),
    (
        "estimator B is said to vary less where it varies more",
        SENTENCES,
        "test_the_default_of_the_elbo_shows_what_its_sentence_says",
    ),
    (
        "a missed mode costs at most log 2",
        SENTENCES,
        "test_a_missed_mode_costs_at_most_twice_log_two",
    ),
    ("other sentences are wrong", SENTENCES, "test_a_sentence_is_right"),
    ("the game starts with an empty plot", SENTENCES, "test_the_game_starts_with_a_move_made"),
    (
        "a check comes before what it checks",
        PAGES.format("learn"),
        "test_the_checks_of_a_lesson_come_after_its_equations_and_are_folded",
    ),
    ("a lesson has no exercise", "lessons/test_teaching.py", "test_a_lesson_teaches"),
    # For everybody
    ("rules of accessibility are broken", BROWSER.format("axe"), "test_no_rule_is_broken"),
    (
        "a new page is not looked at",
        BROWSER.format("axe"),
        "test_a_new_page_is_looked_at_by_itself",
    ),
    (
        "the slider is beyond ten presses of Tab",
        WATCHED,
        "test_the_slider_is_within_ten_presses_of_tab",
    ),
    (
        "targets are small on a phone",
        WATCHED,
        "test_a_phone_has_large_targets_and_nothing_is_too_wide",
    ),
    ("motion goes on where less is wanted", WATCHED, "test_reduced_motion_is_respected"),
    (
        "a plot is a light tile on a dark page",
        "../genlab/testing/panel_contract.py",
        "test_the_thumbnail_has_no_ground_that_one_theme_would_make_glaring",
    ),
    (
        "a preview is a light tile on a dark page",
        STARTED,
        "test_a_preview_that_is_a_plot_lies_on_the_ground_of_its_page",
    ),
    (
        "lessons have colours of their own for data and generator",
        "figures/test_lesson_figures.py",
        "test_data_and_generated_have_the_colours_of_all_pages",
    ),
    (
        "a sentence shows a placeholder in braces",
        "test_placeholders.py",
        "test_no_sentence_shows_a_placeholder",
    ),
    (
        "the buttons of a running run take two rows",
        WATCHED,
        "test_the_buttons_of_a_running_run_stand_in_one_row",
    ),
    (
        "an icon stands below the line of its text",
        WATCHED,
        "test_an_icon_stands_in_the_line_of_its_text_on_a_phone",
    ),
    (
        "the words of a button are cut",
        BROWSER.format("pages"),
        "test_how_the_pages_look",
    ),
    (
        "the focus is not seen in the navigation",
        BROWSER.format("pages"),
        "test_the_navigation_shows_where_the_focus_is",
    ),
    (
        "a picture of a lesson cannot be taken along",
        BROWSER.format("pages"),
        "test_a_picture_of_a_lesson_can_be_taken_along",
    ),
    (
        "a fork remounts the cards",
        BROWSER.format("fork"),
        "test_a_fork_remounts_no_card_of_its_parent",
    ),
    (
        "a single map does not fill its card",
        BROWSER.format("game"),
        "test_a_game_is_paused_stepped_by_one_player_and_slowed_down",
    ),
    (
        "no digit can be read after a minute",
        MINUTE,
        "test_from_start_to_a_readable_digit",
    ),
)


@pytest.mark.parametrize(("fault", "file", "name"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_has_its_test(fault: str, file: str, name: str) -> None:
    text = (TESTS / file).read_text("utf-8")
    begin = r"^test\(\"" if file.endswith(".js") else r"^ *def "
    assert re.search(begin + re.escape(name), text, re.MULTILINE), f"{fault}: no test {name}"
