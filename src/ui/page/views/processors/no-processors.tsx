import { EmptyNotice } from "../../parts/notice.tsx";

/** Says how a store comes to have processors. */
export function NoProcessors() {
  return (
    <EmptyNotice title="Nothing runs on this stream">
      <p>Handlers run on each event, generators make events of what a program prints.</p>
      <dl class="begin">
        <dt>A command on each event</dt>
        <dd>
          <code>xs on note 'notify-send "$XS_TEXT"'</code>
        </dd>
        <dt>A command every hour</dt>
        <dd>
          <code>xs generator add disk --every 1h -- df -k</code>
        </dd>
        <dt>A script with a state</dt>
        <dd>
          <code>xs handler add counter counter.ts --topics note</code>
        </dd>
      </dl>
      <p>
        They run while <code>xs serve</code> runs, and appear here at once.
      </p>
    </EmptyNotice>
  );
}
