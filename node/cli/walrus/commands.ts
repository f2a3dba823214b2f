import { type Command, Option } from 'commander'
import { actionsOf, type Run, readsNetwork, usesWallet } from '../declare.ts'

/** What programs and shells use. */
export function declareWalrus(program: Command, run: Run): void {
  const json = actionsOf(run, () => import('./json.ts'))

  declareAliases(program, run)

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

/** Commands that Walrus's client has, by arguments that ours have not. */
function declareAliases(program: Command, run: Run): void {
  const aliases = actionsOf(run, () => import('./aliases.ts'))
  const hidden = (name: string) => usesWallet(program.command(name, { hidden: true }))

  hidden('fund-shared-blob')
    .requiredOption('--shared-blob-obj-id <id>')
    .requiredOption('--amount <frost>')
    .action(aliases('fundSharedBlob'))
  hidden('get-blob-attribute').argument('<blob>').action(aliases('getBlobAttribute'))
  hidden('set-blob-attribute')
    .argument('<blob>')
    .requiredOption('--attr <key-value...>')
    .action(aliases('setBlobAttribute'))
  hidden('remove-blob-attribute-fields')
    .argument('<blob>')
    .requiredOption('--keys <key...>')
    .action(aliases('removeBlobAttributeFields'))
  hidden('remove-blob-attribute').argument('<blob>').action(aliases('removeBlobAttribute'))
  hidden('get-wal').option('--amount <frost>').option('--exchange-id <id>').action(aliases('getWal'))
  readsNetwork(program.command('generate-sui-wallet', { hidden: true }))
    .requiredOption('--path <file>')
    .option('--sui-network <name>')
    .option('--use-faucet')
    .option('--faucet-timeout <duration>')
    .action(aliases('generateSuiWallet'))
}
