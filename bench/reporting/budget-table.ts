import type { BudgetLine } from '../results.ts';
import { figure } from './format.ts';
import type { Table } from './table.ts';

export function budgetTable(budgets: readonly BudgetLine[]): Table {
  return {
    title: 'Budgets',
    head: ['', 'budget', 'this run', ''],
    rows: budgets.map(({ budget, relation, limit, value, met }) => [
      budget,
      `${relation} ${figure(limit)}`,
      figure(value),
      met ? 'met' : value === null ? '**not measured**' : '**not met**',
    ]),
  };
}
