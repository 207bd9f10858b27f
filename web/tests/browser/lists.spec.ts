// A list under somebody's hands: a file of which a column is left out, a contact that is corrected, a report that becomes a list.
import { accessible, api, expect, given, setUp, test } from "./world";

const ROWS = ["Phone;Name;Secret", "15551001001;Ana;1234", "15554000002;Bruno;5678", "15554000003;Carla;9012"];

test("a column is left out, and a contact is corrected", async ({ page, watch }) => {
  await setUp(page);
  await page.goto("/lists/import");
  await page.locator('input[type="file"]').setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(ROWS.join("\n")) });
  await page.getByRole("checkbox", { name: "Take over Secret" }).uncheck();
  // The rows below are those of the server, with what it was told to leave out.
  const rows = page.getByRole("region", { name: "First rows, as they will be" }).last();
  await expect(rows.getByRole("columnheader", { name: "Secret" })).toHaveCount(0);
  await expect(rows).not.toContainText("5678");
  await expect(rows).toContainText("Bruno");
  await accessible(page);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page.getByText("Columns left out")).toBeVisible();
  const list = (await api("GET", "/api/lists")).items.find((each: { name: string }) => each.name === "people").id;
  await expect.poll(async () => (await api("GET", `/api/lists/${list}/contacts`)).items.length).toBe(3);
  const [ana] = (await api("GET", `/api/lists/${list}/contacts`)).items;
  expect(ana.attributes).toEqual({ Name: "Ana" });

  await page.goto(`/lists/${list}`);
  await page.getByRole("link", { name: "15551001001" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "15551001001" })).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Save" })).toBeDisabled();
  await accessible(page);

  // What is wrong is said where it is.
  watch.expect(422);
  await dialog.getByRole("button", { name: "Add an attribute" }).click();
  await dialog.getByLabel("Name").last().fill("ZONE");
  await dialog.getByLabel("Value").last().fill("Mars/Olympus");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByLabel("Value").last()).toBeFocused();
  await expect(dialog.getByLabel("Value").last()).toHaveAttribute("aria-invalid", "true");
  await dialog.getByLabel("Value").last().fill("Europe/Rome");
  await dialog.getByRole("textbox", { name: "Number" }).fill("not a number");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByRole("textbox", { name: "Number" })).toBeFocused();

  await dialog.getByRole("textbox", { name: "Number" }).fill("+1 555 100 1009");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "+15551001009" })).toBeVisible();
  await expect(page.getByText("Europe/Rome")).toBeVisible();
  expect((await api("GET", `/api/contacts/${ana.id}`)).attributes).toEqual({ Name: "Ana", ZONE: "Europe/Rome" });
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "15551001001" })).toBeVisible();
  expect((await api("GET", `/api/contacts/${ana.id}`)).attributes).toEqual({ Name: "Ana" });

  // Who did it is written down, without number and value.
  await page.goto(`/audit?entity=list&id=${list}`);
  await expect(page.getByText("Contact corrected").first()).toBeVisible();
  await expect(page.getByRole("main")).not.toContainText("1001009");
});

test("those whom a run left busy become a list", async ({ page }) => {
  await setUp(page);
  const list = (await api("POST", "/api/lists", { name: "everybody" })).id;
  await api("POST", `/api/lists/${list}/contacts`, { contacts: ["15551001001", "15554000002", "15554000003"].map((number) => ({ number })) });
  const campaign = await api("POST", "/api/campaigns", {
    name: "spring", lists: [list], trunks: [Number(given.trunk)], end_points: [Number(given.message)], packs: ["unrestricted"],
  });
  const { id } = await api("POST", `/api/campaigns/${campaign.id}/start`);
  await expect.poll(async () => (await api("GET", `/api/runs/${id}`)).ended_at, { timeout: 30_000 }).not.toBeNull();
  await page.goto(`/reports?runs=${id}`);
  await page.getByRole("button", { name: "Make a list of them" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("With which outcome").click();
  await page.getByRole("option", { name: /Busy/ }).click();
  await dialog.getByLabel("Name").fill("busy people");
  await dialog.getByRole("button", { name: "Make the list" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "busy people" })).toBeVisible();
  await expect(page.getByText("15554000003")).toBeVisible();
  await expect(page.getByText("15551001001")).toHaveCount(0);
});

test("a call is added to a campaign that runs", async ({ page }) => {
  await setUp(page);
  const list = (await api("POST", "/api/lists", { name: "nobody yet" })).id;
  const campaign = await api("POST", "/api/campaigns", {
    name: "hot leads", lists: [list], trunks: [Number(given.trunk)], end_points: [Number(given.message)], packs: ["unrestricted"], idle_on_termination: true,
  });
  const { id } = await api("POST", `/api/campaigns/${campaign.id}/start`);
  await page.goto(`/campaigns/${campaign.id}`);
  const dialog = page.getByRole("dialog");
  const open = async () => {
    await page.getByRole("main").getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Add a call" }).click();
  };
  await open();
  await dialog.getByRole("textbox", { name: "Number" }).fill("15551001077");
  await dialog.getByRole("button", { name: "Add an attribute" }).click();
  await dialog.getByLabel("Name").fill("NAME");
  await dialog.getByLabel("Value").fill("Ada");
  await accessible(page);
  await dialog.getByRole("button", { name: "Add a call" }).click();
  await expect(page.getByText("The call to 15551001077 waits for its turn.")).toBeVisible();
  const calls = async () => (await api("GET", `/api/attempts?run=${id}`)).items;
  await expect.poll(async () => (await calls())[0]?.state, { timeout: 30_000 }).toBe("TERMINATED");

  // Another one is planned: nobody is called before.
  await open();
  await dialog.getByRole("textbox", { name: "Number" }).fill("15551001078");
  await dialog.getByRole("combobox", { name: "When" }).selectOption({ label: "Not before a time" });
  await dialog.getByRole("button", { name: "Add a call" }).click();
  await expect(page.getByText(/The call to .*15551001078.* is planned for/)).toBeVisible();
  await page.waitForTimeout(1_500);
  expect((await calls()).length).toBe(1);
});
