import { oneOf, readArguments } from '../arguments.js';
import { type Command, EXIT } from '../command.js';

/**
 * The shells only hand words over. What comes back is never evaluated: names come from a server, and
 * `compgen -W` would carry out a $(command) in one.
 */
const SCRIPTS = {
  bash: `_bulkhead() {
  COMPREPLY=()
  local candidate
  while IFS= read -r candidate; do
    COMPREPLY+=("$candidate")
  done < <(bulkhead __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _bulkhead bulkhead
`,
  zsh: `#compdef bulkhead
_bulkhead() {
  local -a candidates
  candidates=("\${(@f)$(bulkhead __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=(\${candidates:#})
  if (( \${#candidates} )); then compadd -a candidates; else _files; fi
}
compdef _bulkhead bulkhead
`,
  fish: `complete -c bulkhead -a '(bulkhead __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
} as const;
const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly (keyof typeof SCRIPTS)[];

export const completion: Command = {
  help: `bulkhead completion SHELL

Prints a script that completes commands, options, words, contexts and the names of things on the
control plane, for ${SHELLS.join(', ')}:

  source <(bulkhead completion bash)      in ~/.bashrc
  source <(bulkhead completion zsh)       in ~/.zshrc, behind compinit
  bulkhead completion fish | source       in ~/.config/fish/config.fish

Exit codes: 0 done, 2 usage.
`,
  run: async (args, io) => {
    const { operands } = readArguments(args, {
      flags: [],
      texts: [],
      operands: { what: 'SHELL', min: 1, max: 1 },
    });
    const shell = oneOf('SHELL', operands[0], SHELLS);
    if (shell) io.stdout.write(SCRIPTS[shell]);
    return EXIT.fine;
  },
};
