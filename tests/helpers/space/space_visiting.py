"""Finds the parts of the Space's page and the problems of its accessibility."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

OPACITY = "Heat-map opacity (%)"
SETTLED = """() => !document.querySelector('.pending')
  && [...document.images].every(image => image.complete)
  && !document.getAnimations().some(animation => animation.playState === 'running')"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


def answer(page: Page) -> Locator:
    return page.locator("#prediction .answer")


def bars(page: Page) -> Locator:
    return page.locator("#prediction .bars li")


def heat_maps(page: Page) -> Locator:
    return page.locator("#maps .heat")


def visible(page: Page, selector: str) -> Locator:
    """Returns elements of the open tab; those of the other tabs stay in the page, hidden."""
    return page.locator(selector).filter(visible=True)


def number(page: Page, label: str) -> Locator:
    return visible(page, f'[aria-label="number input for {label}"]')


def slider(page: Page, label: str) -> Locator:
    return visible(page, f'[aria-label="range slider for {label}"]')


def choice(page: Page, label: str) -> Locator:
    """Returns a checkbox or a radio button of the open tab."""
    return page.get_by_label(label, exact=True).filter(visible=True)


def layer_choice(page: Page, name: str) -> Locator:
    """Returns the control of a layer; its label also holds the size and the verdict."""
    return page.get_by_label(f"{name} ·").filter(visible=True)


def method_choice(page: Page, name: str) -> Locator:
    return page.locator(f'input[type=radio][value="{name}"]').filter(visible=True)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def find_problems(page: Page) -> list[str]:
    """Returns axe's serious and critical findings in both colour schemes, and overflow."""
    page.wait_for_function(SETTLED)
    if not page.evaluate("'axe' in window"):
        page.add_style_tag(content=STILL)  # axe must not see the colours of a transition
        page.evaluate(Axe().axe_script)
    problems = []
    for scheme in ("light", "dark"):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
        violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations)")
        problems += [
            f"{scheme}: {row['id']}: {[node['html'][:120] for node in row['nodes'][:3]]}"
            for row in violations
            if row["impact"] in ("serious", "critical")
        ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append("wider than the window")
    return problems
