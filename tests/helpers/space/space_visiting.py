"""What the browser tests of the Space share: its parts on the page, and its accessibility."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

TOP = "How many top classes to show"
MAPS = "How many Grad-CAM images"
MISTAKES = "How many misclassified images"
OPACITY = "Heat-map opacity (%)"

# Controls without a name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll('button, input, select, textarea, [role=tab]')]
  .filter(e => e.checkVisibility() && e.type !== 'file')
  .filter(e => !(e.innerText?.trim() || e.ariaLabel || e.title || e.labels?.length
    || e.getAttribute('aria-labelledby')))
  .map(e => e.outerHTML.slice(0, 200))"""
SETTLED = """() => !document.querySelector('.pending')
  && [...document.images].every(image => image.complete)"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


def answer(page: Page) -> Locator:
    return page.locator("#prediction .answer")


def rows(page: Page) -> Locator:
    return page.locator("#prediction .bars li")


def heats(page: Page) -> Locator:
    return page.locator("#maps .heat")


def shown(page: Page, locator: str) -> Locator:
    """Elements of the tab that is open; the others' stay in the page."""
    return page.locator(locator).filter(visible=True)


def number(page: Page, label: str) -> Locator:
    return shown(page, f'[aria-label="number input for {label}"]')


def slider(page: Page, label: str) -> Locator:
    return shown(page, f'[aria-label="range slider for {label}"]')


def box(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True).filter(visible=True)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def findings(page: Page) -> list[str]:
    """What is wrong with the page as it stands: axe's serious findings, controls without a name,
    pictures without a description, parts wider than the window."""
    page.wait_for_function(SETTLED)
    found = [f"{scheme}: {row}" for scheme in ("light", "dark") for row in _serious(page, scheme)]
    found += [f"no name: {html}" for html in page.evaluate(NAMELESS)]
    if not page.evaluate("[...document.images].every(image => image.hasAttribute('alt'))"):
        found.append("an image without alt")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("wider than the window")
    return found


def _serious(page: Page, scheme: str) -> list[str]:
    """Axe's serious and critical findings in one colour scheme."""
    if not page.evaluate("'axe' in window"):
        page.add_style_tag(content=STILL)  # colours of half a transition are nobody's choice
        page.evaluate(Axe().axe_script)
    page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
    violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations)")
    return [
        f"{row['impact']} {row['id']}: {[node['html'][:120] for node in row['nodes'][:3]]}"
        for row in violations
        if row["impact"] in ("serious", "critical")
    ]
