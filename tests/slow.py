"""The tests that `./run test --quick` leaves out: folders, modules and single tests that take seconds."""

from __future__ import annotations

SLOW = frozenset(
    {
        # A browser, a server, a wheel.
        "tests/e2e",
        "tests/cli/test_commands.py::test_app_serves_until_it_is_stopped",
        "tests/soak",
        "tests/test_installation.py",
        # Models at their full size, long inputs and further processes.
        "tests/isolation/test_workers.py",
        "tests/lens/test_isolated.py",
        "tests/checkpoints/formats/test_krasserm.py::test_models_equal_the_peers[full]",
        "tests/checkpoints/formats/test_lucidrains.py::test_stored_answers_of_every_layout_are_met[full]",
        "tests/checkpoints/formats/test_multimodal.py",
        "tests/checkpoints/formats/test_transformers.py::test_full_size_models_equal_the_peers",
        "tests/modalities/audio/test_overview.py",
        "tests/fuzz/test_fuzz.py",
        "tests/test_doc_commands.py",
        "tests/test_docs.py::test_python_blocks_run_one_after_the_other[docs/analysis.md]",
        "tests/test_trace.py::test_all_mean_maps_at_paper_size_stay_below_the_input_array_plus_64_mb",
        "tests/training/test_loop.py::test_two_processes_train_together",
        "tests/training/test_recipes.py::test_a_perceiver_that_follows_its_teacher_alone_agrees_with_it",
        "tests/training/test_recipes.py::test_a_run_with_any_optimiser_resumes_to_the_very_same_weights[muon]",
        "tests/training/test_recipes.py::test_mixup_comes_as_often_as_asked_and_leaves_its_own_class_ahead",
        "tests/training/test_recipes.py::test_validation_accuracy_is_followed_and_survives_an_interruption",
        "tests/training/test_sets.py::test_a_folder_laid_out_like_modelnet_trains_and_evaluates",
        "tests/training/test_sets_writing.py",
        # Many cases of what other modules test once: pages, commands, downloads, damaged files, data sets.
        "tests/app/test_ablate.py",
        "tests/app/test_audio_view.py",
        "tests/app/test_compare.py",
        "tests/app/test_errors.py",
        "tests/app/test_explain.py",
        "tests/app/test_image_view.py",
        "tests/app/test_points_view.py",
        "tests/app/test_video_view.py",
        "tests/app/test_visitors.py",
        "tests/checkpoints/formats/test_hostile.py",
        "tests/checkpoints/formats/test_preparation.py",
        "tests/checkpoints/test_weights.py",
        "tests/checkpoints/test_hub.py",
        "tests/checkpoints/test_hub_fetch.py",
        "tests/cli/test_ablate.py",
        "tests/cli/test_clips.py",
        "tests/cli/test_compare.py",
        "tests/cli/test_explain.py",
        "tests/cli/test_held_out.py",
        "tests/cli/test_studies.py",
        "tests/cli/test_video.py",
        "tests/dataset_builders",
        "tests/modalities/audio/test_gaps.py",
        "tests/modalities/audio/test_scan.py",
        "tests/plots/test_sheet.py",
        "tests/studies",
    }
)
