import { create } from "@bufbuild/protobuf";
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import {
  InputSource,
  ProviderDefinitionSchema,
} from "../src/gen/valetkey/catalog/v1/definition_pb";
import { CatalogSource } from "../src/gen/valetkey/v1/provider_service_pb";
import {
  problemOfSize,
  problemOfText,
  rangeOfLine,
  templates,
} from "../src/lib/definition";
import { FakeServer } from "./fake";
import { open } from "./render";

const shop = "/applications/shop";

function region(name: string) {
  return screen.findByRole("region", { name });
}

describe("a client secret", () => {
  test("is changed in three steps, and never shown", async () => {
    const server = new FakeServer();
    open(server, `${shop}/providers/pinterest`);
    const section = within(await region("Change the client secret"));
    await userEvent.click(section.getByText("Three steps"));
    await userEvent.click(
      section.getByRole("button", { name: "Store as the second" }),
    );
    expect(section.getByText("The secret is needed.")).toBeTruthy();
    await userEvent.type(section.getByLabelText("New client secret"), "new");
    await userEvent.click(
      section.getByRole("button", { name: "Store as the second" }),
    );
    expect(await section.findByText("two secrets are stored")).toBeTruthy();
    expect(server.secrets).toEqual({ first: "old", second: "new" });
    expect(server.asked).toEqual(["update second_client_secret"]);

    const again = section.getByLabelText("The new client secret once more");
    expect(again).toHaveProperty("value", "");
    await userEvent.type(again, "new");
    await userEvent.click(
      section.getByRole("button", { name: "Make it the only one" }),
    );
    expect(await section.findByText("Three steps")).toBeTruthy();
    expect(server.secrets).toEqual({ first: "new", second: "" });
    expect(server.asked.at(-1)).toBe(
      "update client_secret second_client_secret",
    );
  });

  test("the second can be dropped", async () => {
    const server = new FakeServer();
    server.provider.secondClientSecretSet = true;
    server.secrets.second = "new";
    open(server, `${shop}/providers/pinterest`);
    await userEvent.click(
      await screen.findByRole("button", { name: "Drop the second secret" }),
    );
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.click(
      dialog.getByRole("button", { name: "Drop the second secret" }),
    );
    await screen.findByText("The second client secret is dropped");
    expect(server.secrets).toEqual({ first: "old", second: "" });
  });
});

describe("Test connection", () => {
  test("opens the connect page, with what the person has to tell", async () => {
    const server = new FakeServer();
    const entry = server.addEntry("pinterest", CatalogSource.BUILT_IN, "");
    entry.definition = create(ProviderDefinitionSchema, {
      id: "pinterest",
      displayName: "Pinterest",
      inputs: [
        {
          name: "shop",
          displayName: "Shop",
          source: InputSource.USER,
          pattern: "[a-z]+",
        },
      ],
    });
    const window_ = { opener: {}, location: { href: "" }, close: vi.fn() };
    const opening = vi
      .spyOn(window, "open")
      .mockReturnValue(window_ as unknown as Window);
    open(server, `${shop}/providers/pinterest`);
    const section = within(await region("Test connection"));
    const button = section.getByRole("button", { name: "Test connection" });
    await userEvent.click(button);
    expect(section.getByText(/Shop is needed/)).toBeTruthy();
    expect(opening).not.toHaveBeenCalled();
    await userEvent.type(section.getByLabelText(/Shop/), "shoes");
    await userEvent.click(button);
    expect(await section.findByText(/The test succeeded/)).toBeTruthy();
    expect(section.getByText(/not planned/)).toBeTruthy();
    expect(window_.location.href).toBe("https://vk.example/connect/s");
    expect(window_.opener).toBeNull();
    expect(server.asked).toContain('authorize {"shop":"shoes"}');
    opening.mockRestore();
  });
});

describe("definitions", () => {
  test("a line is found in the text", () => {
    const text = "one\ntwo\nthree";
    const line = (number: number) => text.slice(...rangeOfLine(text, number));
    expect([1, 2, 3, 4].map(line)).toEqual(["one", "two", "three", "three"]);
    expect(rangeOfLine("", 1)).toEqual([0, 0]);
  });

  test("what cannot be checked is told before it is sent", () => {
    expect(problemOfText(" \n")).toContain("begin from an example");
    expect(problemOfText("id: 'x'")).toBe("");
    expect(problemOfSize(64 * 1024)).toBe("");
    expect(problemOfSize(64 * 1024 + 1)).toContain("65 KB");
  });

  test("one is begun from an example, mended by its line, and created", async () => {
    const server = new FakeServer();
    open(server, `${shop}/add-provider`);
    await userEvent.click(
      await screen.findByRole("link", { name: "Add your own" }),
    );
    await userEvent.selectOptions(
      await screen.findByLabelText("Begin from"),
      templates[0]?.title ?? "",
    );
    expect(await screen.findByText("Usable, with 1 warning")).toBeTruthy();
    const area = screen.getByLabelText<HTMLTextAreaElement>("Text");
    expect(area.value).toContain('id: "acme"');
    await userEvent.clear(area);
    await userEvent.click(area);
    await userEvent.paste('id: "own"\n# fine\ntoken: wrong\n');
    expect(await screen.findByText("Not usable yet: 1 fault")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Line 3" }));
    const { selectionStart, selectionEnd, value } = area;
    expect(value.slice(selectionStart, selectionEnd)).toBe("token: wrong");
    await userEvent.clear(area);
    await userEvent.click(area);
    await userEvent.paste('id: "own"\n');
    await screen.findByText("Usable, with 1 warning");
    const run = await region("What it would send");
    expect(run.textContent).toContain("GET https://acme.example/");
    await userEvent.click(screen.getByRole("button", { name: "Create" }));
    expect(
      await screen.findByRole("heading", { level: 1, name: "own" }),
    ).toBeTruthy();
    expect(window.location.pathname).toBe(`${shop}/add-provider/own`);
    expect(await screen.findByText(/Added in the portal/)).toBeTruthy();
  });

  test("a file is loaded; too long a one is refused", async () => {
    const server = new FakeServer();
    const { container } = open(server, `${shop}/definitions`);
    await screen.findByLabelText("Begin from");
    const input = container.querySelector<HTMLInputElement>("[type=file]");
    if (input === null) throw new Error("there is no field for files");
    const accepting = userEvent.setup({ applyAccept: false });
    await accepting.upload(
      input,
      new File(["x".repeat(70_000)], "long.textproto"),
    );
    expect(await screen.findByText(/long.textproto: .* 69 KB/)).toBeTruthy();
    await accepting.upload(input, new File(['id: "own"'], "own.textproto"));
    const area = screen.getByLabelText("Text");
    await vi.waitFor(() => {
      expect(area).toHaveProperty("value", 'id: "own"');
    });
    expect(screen.queryByText(/69 KB/)).toBeNull();
  });

  test("one that was added is changed and deleted by its etag", async () => {
    const server = new FakeServer();
    server.addEntry("own", CatalogSource.ADDED, 'id: "own"\n');
    open(server, `${shop}/definitions/own`);
    const area = await screen.findByLabelText("Text");
    await userEvent.type(area, "# more");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText(/^Saved\./)).toBeTruthy();
    expect(server.entries.get("catalog/own")?.text).toBe('id: "own"\n# more');
    // Another did the same meanwhile.
    const entry = server.entries.get("catalog/own");
    if (entry) entry.etag = "2";
    await userEvent.type(area, "!");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(
      await screen.findByText("Somebody changed it in the meantime"),
    ).toBeTruthy();
    await userEvent.click(
      screen.getByRole("button", { name: "Delete definition" }),
    );
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.click(
      dialog.getByRole("button", { name: "Delete definition" }),
    );
    expect(
      await screen.findByRole("heading", { level: 1, name: "Add Provider" }),
    ).toBeTruthy();
    expect(server.asked).toContain("delete catalog/own 1");
  });

  test("without a key of the system it is checked only", async () => {
    const server = new FakeServer();
    open(server, `${shop}/definitions`, { system: false });
    expect(
      await screen.findByText("You can check it, but not add it"),
    ).toBeTruthy();
    await userEvent.type(screen.getByLabelText("Text"), "wrong");
    expect(await screen.findByText("Not usable yet: 1 fault")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Create" })).toHaveProperty(
      "disabled",
      true,
    );
  });

  test("what is built in is not changed", async () => {
    open(new FakeServer(), `${shop}/definitions/pinterest`);
    expect(await screen.findByText("It cannot be changed here")).toBeTruthy();
    expect(screen.queryByLabelText("Text")).toBeNull();
  });
});
