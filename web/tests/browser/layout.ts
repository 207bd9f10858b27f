// What may be said of a layout without looking at it.
import { expect, type Page } from "@playwright/test";

/**
 * The page and everything in it is as wide as the screen at most; nothing has to be scrolled sideways but the rows of
 * somebody's own file, which are a region that the keyboard reaches.
 */
export async function fits(page: Page, where: string): Promise<void> {
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const name = (element: Element) => `${element.tagName.toLowerCase()}.${String(element.getAttribute("class") ?? "").split(" ")[0]}`;
    const path = (element: Element) => {
      const names = [];
      for (let at: Element | null = element; at && names.length < 4; at = at.parentElement) names.unshift(name(at));
      return `${names.join(" > ")} “${(element.textContent ?? "").trim().slice(0, 30)}”`;
    };
    const wrong: string[] = [];
    if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    for (const element of document.body.querySelectorAll("*")) {
      const style = getComputedStyle(element);
      if (["auto", "scroll"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1 && !element.matches("textarea, pre, code, [role=region][tabindex]"))
        wrong.push(`scrolls sideways: ${path(element)}`);
    }
    if (document.documentElement.scrollWidth > width) {
      // Who sticks out: the innermost that nobody cuts.
      for (const element of document.body.querySelectorAll("*")) {
        const box = element.getBoundingClientRect();
        if (box.width > 1 && box.right > width + 1 && ![...element.children].some((child) => child.getBoundingClientRect().right > width + 1))
          wrong.push(`sticks out to ${Math.round(box.right)}: ${path(element)}`);
      }
    }
    return { width, wrong: wrong.slice(0, 8) };
  });
  expect.soft(found.wrong, `${where} at ${found.width} px`).toEqual([]);
}
