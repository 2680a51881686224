/** Values of `Host` that are right. */
export const HOSTS = [
  "a",
  "a.b-c_d:80",
  "127.0.0.1:3000",
  "[::1]",
  "[fe80::1]:80",
  "EXAMPLE.org.",
  "a:",
];

/** Values of `Host`, after the colon, that name no host. */
export const NO_HOSTS = [
  "",
  " ",
  " a b",
  " a/b",
  " a?b",
  " u@a",
  " \xc3\xa9",
  " a:99999",
  " a:b",
  " [::1",
  " 1.2.3.4.5",
  " a%20b",
  " a,b",
  ` ${"a.".repeat(200)}`,
];
