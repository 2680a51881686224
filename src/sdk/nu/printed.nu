# Prints to standard error: standard output carries the protocol.
export def print [
  --no-newline (-n) # print no end of the line
  --stderr (-e) # has no effect: this always prints to stderr
  --raw (-r) # has no effect: text is always printed raw
  ...values: any
]: any -> nothing {
  let input = $in
  let all = if ($values | is-empty) and $input != null { [$input] } else { $values }
  let text = ($all | each {|value| if ($value | describe) == "string" { $value } else { $value | table --expand } } | str join "\n")
  $"($text)(if $no_newline { '' } else { "\n" })" | save --raw --append /dev/stderr
}
