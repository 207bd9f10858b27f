// Two people: one may do everything, one may look.
import { api, expect, server, setUp, signIn, test } from "./world";
import { Watch } from "./watch";

test("who may only look is offered nothing else", async ({ page, browser, watch }) => {
  // Wrong passwords and a locked login are what it is about.
  watch.expect(423);
  await setUp(page);
  const classes = (await api<{ items: { id: number; name: string }[] }>("GET", "/api/user-classes")).items;
  const viewer = classes.find((one) => one.name === "Viewer")!;
  const vera = { login: "vera", name: "Vera Viewer", password: "another long pass phrase" };
  await api("POST", "/api/users", { ...vera, class: viewer.id });

  await page.goto("/campaigns");
  await expect(page.getByRole("link", { name: "New campaign" }).or(page.getByRole("button", { name: "New campaign" })).first()).toBeVisible();

  const others = await browser.newContext({ baseURL: server });
  const watchOther = new Watch(others, server);
  watchOther.expect(423);
  const other = await others.newPage();
  await signIn(other, vera.login, vera.password);
  await other.goto("/campaigns");
  await expect(other.getByRole("heading", { level: 1, name: "Campaigns" })).toBeVisible();
  await expect(other.getByText("New campaign")).toHaveCount(0);
  await expect(other.getByRole("button", { name: "Stop dialling" })).toHaveCount(0);

  // A wrong password says nothing about the login; five lock it, and the page says until when.
  await other.context().clearCookies();
  for (let times = 0; times < 5; times++) {
    await other.goto("/");
    await other.getByLabel("Login").fill(vera.login);
    await other.getByLabel("Password").fill("not the pass phrase");
    await other.getByRole("button", { name: "Sign in" }).click();
    await expect(other.getByText(/no user with this login|is locked/i).first()).toBeVisible();
  }
  await other.goto("/");
  await other.getByLabel("Login").fill(vera.login);
  await other.getByLabel("Password").fill(vera.password);
  await other.getByRole("button", { name: "Sign in" }).click();
  await expect(other.getByText("This login is locked")).toBeVisible();
  await others.close();
  expect(watchOther.complaints).toEqual([]);
});
