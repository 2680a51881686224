import { go } from "../lib/place.ts";

interface CheckProps {
  /** What the box says. */
  readonly label?: string;
  /** The member of the address that it sets, and the value of that. */
  readonly name: string;
  readonly value: string;
  readonly isOn: boolean;
  readonly title?: string;
}

/** A box to tick, which sets a member of the address. */
export function Check({ name, value, label = name, isOn, title }: CheckProps) {
  return (
    <label class="tools-check" title={title}>
      <input
        type="checkbox"
        checked={isOn}
        onChange={(event) => {
          // The form around it, if any, acts on changes of its text fields.
          event.stopPropagation();
          go({ [name]: event.currentTarget.checked ? value : undefined });
        }}
      />
      {label}
    </label>
  );
}
