import { EmptyNotice } from "../../parts/notice.tsx";

/** The keys of the store, and their values. */
export function KvView() {
  return <EmptyNotice title="No keys" />;
}
