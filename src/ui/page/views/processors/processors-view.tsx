import { EmptyNotice } from "../../parts/notice.tsx";

/** The generators and handlers that run on the stream. */
export function ProcessorsView() {
  return <EmptyNotice title="No processors" />;
}
