"""Fit the weights of ``ranking.EVIDENCE``: which evidence tells a dictionary's terms from other candidates?

    python tests/benchmarks/termhood.py --domain TEXT --background TEXT --reference TERMS

A logistic regression over the candidates of two or more Han characters alone; positive are the reference terms that
occur five times or more in the domain. Those in the package come from electric-power texts (regulations and
encyclopaedia articles of bupt-mmai/electric-power) and the dictionary list of yizt/aiia_elec_miner, with the news as
background.
Prints the table as Python.
"""

import click
import numpy as np

from termmine import candidates, corpus, discovery, ranking, segmentation

STRENGTH = 0.05  # inverse of the penalty on standardised evidence


@click.command()
@click.option("--domain", multiple=True, required=True)
@click.option("--background", required=True)
@click.option("--reference", required=True)
def main(domain: tuple[str, ...], background: str, reference: str) -> None:
    """Print the fitted table."""
    from sklearn.linear_model import LogisticRegression

    here, there = corpus.read_lines(list(domain)), corpus.read_lines(background)
    words, others = discovery.discover(here, discovery.EmConfig()), discovery.discover(there, discovery.EmConfig())
    text = segmentation.SegmentedText(here, segmentation.Segmenter(words))
    found = candidates.from_phrases(text, there, words, others)
    found = found[found["term"].str.fullmatch("[\u4e00-\u9fa5]{2,}")]
    sizes = {"domain_size": sum(map(len, here)), "background_size": sum(map(len, there))}
    evidence = ranking.gather_evidence(found, **sizes)
    mean, deviation = evidence.mean(), evidence.std()
    scaled = ((evidence - mean) / deviation).clip(-5, 5)
    listed = set(corpus.read_terms(reference))
    is_term = (found["term"].isin(listed) & (found["count"] >= 5)).to_numpy()
    model = LogisticRegression(C=STRENGTH, solver="newton-cholesky", max_iter=50).fit(scaled.to_numpy(), is_term)
    click.echo(f"{is_term.sum():,} of {len(found):,} candidates are in {reference}")
    for name, weight in zip(evidence.columns, model.coef_[0], strict=True):
        click.echo(f'    "{name}": Evidence({weight:.3f}, {mean[name]:.3f}, {deviation[name]:.3f}),')
    click.echo(f"INTERCEPT = {model.intercept_[0]:.3f}")
    order = np.argsort(-model.decision_function(scaled.to_numpy()), kind="stable")[:20]
    click.echo("best: " + "、".join(found["term"].iloc[order]))


if __name__ == "__main__":
    main()
