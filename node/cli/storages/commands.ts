import { type Command, Option } from 'commander'
import { actionsOf, type Run, usesWallet, walrusOption, wholeNumber } from '../declare.ts'

/** Commands for storage that is paid for and holds no blob. */
export function declareStorages(program: Command, run: Run): void {
  const storages = actionsOf(run, () => import('./storages.ts'))
  const command = program
    .command('storage')
    .description(
      'storage that is paid for and holds no blob, of deleted ones above all: storing uses it by itself',
    )

  usesWallet(
    command
      .command('list')
      .description('list what the wallet has of it')
      .option('--owner <address>', "another owner's instead")
      .option('--include-expired', 'that too whose time is over')
      .addOption(walrusOption('--sort-by-size')),
  ).action(storages('listStorages'))

  usesWallet(
    command
      .command('split')
      .description('make two of one: by size, or by time')
      .argument('[storage]', 'object ID')
      .addOption(new Option('--size <size>', 'the first keeps so much: 500MiB').conflicts('endEpoch'))
      .addOption(
        new Option('--end-epoch <epoch>', 'the first ends there, and the second begins').argParser(
          wholeNumber(1),
        ),
      )
      .addOption(walrusOption('--object-id <id>')),
  ).action(storages('splitStorage'))

  usesWallet(
    command
      .command('merge')
      .alias('fuse')
      .description('make one of several: of the same time, or of the same size and one after the other')
      .argument('[storage...]', 'object IDs; the first one stays')
      .addOption(walrusOption('--object-ids <id...>')),
  ).action(storages('mergeStorages'))

  usesWallet(
    command
      .command('burn')
      .alias('destroy')
      .description('give storage up; nothing is paid back')
      .argument('[storage...]', 'object IDs')
      .option('--all-expired', 'all of the wallet whose time is over')
      .addOption(walrusOption('--object-id <id...>'))
      .addOption(walrusOption('--yes')),
  ).action(storages('burnStorages'))
}
