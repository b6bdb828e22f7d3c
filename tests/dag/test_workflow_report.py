import json
import zipfile


def test_snakemakes_report_holds_scores_trend_methods_report_and_every_figure_with_captions(finished):
    targets = ("results/report.html", "results/methods.md")
    finished.run(*targets)
    (finished.folder / "results/figures/measures/clickme_photographs.png").write_text("a picture")
    finished.run(*targets, "--report", "study.zip")
    with zipfile.ZipFile(finished.folder / "study.zip") as archive:
        names = {name.rsplit("/", 1)[-1] for name in archive.namelist()}
        page = archive.read("study/report.html").decode()
    files = {"scores.csv", "trend.json", "methods.md", "report_packed.html", "accuracy_vs_alignment.png"}
    assert files | {"clickme_photographs.png"} <= names
    assert "2000 bootstrap draws" in page and "with its 95 % interval, floor and ceiling" in page


def test_an_overlay_is_an_input_of_the_trend_and_none_is_there_unless_asked(finished):
    table = finished.folder / "published.csv"
    table.write_text("model,top1,rho\n")
    overlay = {"table": "published.csv", "x": "top1", "metric": "top1", "y": {"clickme": "rho"}}
    overlay["conventions"] = {"clickme": "rho"}
    planned = {job[0] for job in finished.plan(config={"trend": {"overlay": overlay}})}
    assert planned == {"trend", "methods", "figures", "report_study"}
    table.unlink()
    config = f"trend={json.dumps({'overlay': overlay})}"
    assert "published.csv" in finished.run("--dry-run", "--config", config, check=False).stdout
