import { type Command, Option } from 'commander'
import { actionsOf, type Run } from '../declare.ts'

/** What programs and shells use. */
export function declareWalrus(program: Command, run: Run): void {
  const json = actionsOf(run, () => import('./json.ts'))

  program
    .command('json')
    .description("run a command that is told in JSON, as Walrus's client takes it; the answer is JSON")
    .argument(
      '[command]',
      'such as {"command":{"read":{"blobId":"…","out":"file"}}}; standard input when absent',
    )
    .action(json('json'))

  program
    .command('completion')
    .description('print what completes commands and options in a shell')
    .addOption(new Option('--shell <name>', 'which one').choices(['bash', 'zsh', 'fish']).default('bash'))
    .action((options: { shell: string }) =>
      run(async context => {
        const { completion } = await import('./completion.ts')
        return await completion(context, program, options)
      }, {}),
    )
}
