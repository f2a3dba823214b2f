import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { SafeText } from '../text.ts'

interface Words {
  /** command and subcommand, with spaces */
  path: string
  words: string[]
}

/** Prints a script for a shell: `source <(floe completion)`. */
export async function completion(
  { output }: Context,
  program: Command,
  { shell }: { shell: string },
): Promise<ExitCode> {
  const all = wordsOf(program, '')
  const script = shell === 'fish' ? fish(all) : bash(all, shell === 'zsh')
  await output.result({ shell, script }, SafeText.of(script))
  return EXIT.ok
}

function wordsOf(command: Command, path: string): Words[] {
  const visible = command.createHelp()
  const flags = visible.visibleOptions(command).flatMap(({ short, long }) => [short, long])
  const commands = visible.visibleCommands(command).filter(sub => sub.name() !== 'help')
  const words = [...commands.map(sub => sub.name()), ...flags].filter(word => word !== undefined)
  return [{ path, words }, ...commands.flatMap(sub => wordsOf(sub, `${path} ${sub.name()}`.trim()))]
}

function bash(all: readonly Words[], isZsh: boolean): string {
  const cases = all.map(({ path, words }) => `    "${path}") words="${words.join(' ')}" ;;`)
  return [
    ...(isZsh ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_floe() {',
    '  local words="" at="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) case "$at" in *" "*) ;; "") at="$word" ;; *) at="$at $word" ;; esac ;; esac',
    '  done',
    '  case "$at" in',
    ...cases,
    `    *) case "\${at%% *}" in`,
    ...all.filter(({ path }) => path !== '' && !path.includes(' ')).map(line => `  ${bashCase(line)}`),
    '      esac ;;',
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _floe floe',
  ].join('\n')
}

const bashCase = ({ path, words }: Words) => `    "${path}") words="${words.join(' ')}" ;;`

function fish(all: readonly Words[]): string {
  const lines = all.flatMap(({ path, words }) => {
    const when =
      path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`
    const names = words.filter(word => !word.startsWith('-'))
    const flags = words.filter(word => word.startsWith('--')).map(word => word.slice(2))
    return [
      ...(names.length > 0 ? [`complete -c floe -n '${when}' -a '${names.join(' ')}'`] : []),
      ...flags.map(flag => `complete -c floe -n '${when}' -l ${flag}`),
    ]
  })
  return lines.join('\n')
}
