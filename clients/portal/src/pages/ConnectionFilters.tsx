import {
  Button,
  Checkbox,
  Group,
  NativeSelect,
  TextInput,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { useProviders } from "../api/queries";
import { idOf } from "../lib/names";
import type { ConnectionSearch } from "../lib/search";
import {
  noSearch,
  parseLabels,
  problemOfQuery,
  writeSearch,
} from "../lib/search";
import { connectionStates, stateWords } from "../lib/words";
import styles from "../ui/layout.module.css";

/** So long a person may pause while typing. */
const pause = 300;

interface Props {
  readonly application: string;
  readonly search: ConnectionSearch;
  /** `replace`: as a correction of the search before, not as another. */
  readonly onSearch: (search: ConnectionSearch, replace?: boolean) => void;
}

/** What is looked for; it is found while it is typed. */
export function ConnectionFilters({ application, search, onSearch }: Props) {
  const providers = useProviders(application);
  const [text, setText] = useFollowed(search.text);
  const [labels, setLabels] = useFollowed(search.labels);
  const [labelProblem, setLabelProblem] = useState("");
  const textProblem = problemOfQuery(text.trim());

  /** Looks for what was typed, where that can be looked for. */
  const find = () => {
    const typed = { text: text.trim(), labels: labels.trim() };
    if (problemOfQuery(typed.text) !== "" || parseLabels(labels) === null)
      return;
    if (typed.text === search.text && typed.labels === search.labels) return;
    onSearch({ ...search, ...typed }, true);
  };
  const findSoon = useDebouncedCallback(find, pause);
  const submit = (event: React.SubmitEvent) => {
    event.preventDefault();
    findSoon.cancel();
    setLabelProblem(
      parseLabels(labels) === null
        ? "Write key=value, several separated by commas."
        : "",
    );
    find();
  };
  const choose = (part: Partial<ConnectionSearch>) => {
    findSoon.cancel();
    onSearch({ ...search, text: text.trim(), ...part });
  };

  return (
    <form role="search" onSubmit={submit} noValidate>
      <div className={styles.filters}>
        <TextInput
          type="search"
          label="Search"
          placeholder="Id, user, account or label"
          spellCheck={false}
          value={text}
          error={textProblem}
          onChange={(event) => {
            setText(event.currentTarget.value);
            findSoon();
          }}
        />
        <NativeSelect
          label="Provider"
          value={search.provider}
          data={[
            { value: "", label: "All" },
            ...(providers.data?.items ?? []).map(({ name, displayName }) => ({
              value: idOf(name),
              label: displayName || idOf(name),
            })),
          ]}
          onChange={(event) => {
            choose({ provider: event.currentTarget.value });
          }}
        />
        <NativeSelect
          label="State"
          value={search.state}
          data={[
            { value: "", label: "All" },
            ...connectionStates.map((state) => ({
              value: String(state),
              label: stateWords(state),
            })),
          ]}
          onChange={(event) => {
            choose({ state: event.currentTarget.value });
          }}
        />
        <TextInput
          label="Labels"
          placeholder="team=red"
          spellCheck={false}
          value={labels}
          error={labelProblem}
          onChange={(event) => {
            setLabels(event.currentTarget.value);
            setLabelProblem("");
            findSoon();
          }}
        />
      </div>
      <Group my="md">
        <Button type="submit">Search</Button>
        <Checkbox
          label="Needs attention"
          checked={search.attention}
          onChange={(event) => {
            choose({ attention: event.currentTarget.checked });
          }}
        />
        {writeSearch({ ...search, page: "" }).size === 0 ? null : (
          <Button
            variant="default"
            onClick={() => {
              findSoon.cancel();
              setText("");
              setLabels("");
              setLabelProblem("");
              onSearch(noSearch);
            }}
          >
            Clear
          </Button>
        )}
      </Group>
    </form>
  );
}

/**
 * A field's text, which follows the address when that changes otherwise than
 * by typing: by going back, or by a link.
 */
function useFollowed(address: string) {
  const [text, setText] = useState(address);
  const [followed, setFollowed] = useState(address);
  if (address !== followed) {
    setFollowed(address);
    if (text.trim() !== address) setText(address);
  }
  return [text, setText] as const;
}
