import type { Command } from 'commander'
import { actionsOf, type Run, usesWallet, wholeNumber } from '../declare.ts'

/** What goes on until it is told to stop. */
export function declareWatches(program: Command, run: Run): void {
  const renew = actionsOf(run, () => import('./renew.ts'))
  const command = program.command('watch').description('look after blobs until told to stop')

  usesWallet(
    command
      .command('renew')
      .description('extend blobs before they end, for as long as the budget lasts')
      .argument('<blob...>', 'object ID, also of a shared one, or blob ID of one that the wallet owns')
      .requiredOption('--budget <wal>', 'WAL to be spent in all, also over several runs with one --dir')
      .option('--epochs <count>', 'for how many epochs each time', wholeNumber(1), 1)
      .option('--ahead <count>', 'so many epochs before it ends: 1 is in its last', wholeNumber(1), 1)
      .option('--dir <folder>', 'where it is kept what was spent', '.floe-watch')
      .option('--once', 'look once and end'),
  ).action(renew('renew'))
}
