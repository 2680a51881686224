# What a script gives, for a pipe: text and bytes as they are, the rest as JSON, a line for each value as it comes.
export def xs-eval-lines [] {
  # A look at the type does not wait for the end; an older nushell has no command for it.
  if (which peek | is-empty) {
    print-each
  } else {
    peek | metadata access {|metadata|
      if $metadata.peek.stream and $metadata.peek.type in ["byte stream" "string" "binary"] {
        # It goes on as it is, with the exit code behind it.
      } else if $metadata.peek.type != "nothing" {
        print-each
      }
    }
  }
}

def print-each [] {
  each {|value|
    match ($value | describe) {
      "string" => { print --raw $value }
      "binary" => { print --raw --no-newline $value }
      _ => { print --raw ($value | json-of "a value") }
    }
  } | ignore
}
