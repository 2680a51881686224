# What a script prints is for a person, and standard output is for the protocol: it goes to standard error.
export def print [
  --no-newline (-n) # print no end of the line
  --stderr (-e) # as it does anyway
  --raw (-r) # as it does for text anyway
  ...values: any
]: any -> nothing {
  let input = $in
  let all = if ($values | is-empty) and $input != null { [$input] } else { $values }
  let text = ($all | each {|value| if ($value | describe) == "string" { $value } else { $value | table --expand } } | str join "\n")
  $"($text)(if $no_newline { '' } else { "\n" })" | save --raw --append /dev/stderr
}
