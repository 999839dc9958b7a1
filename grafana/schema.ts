// What a dashboard of ours is, in Grafana's own types. `make dashboards-check` holds every file of dashboards/ to it.

import type { Dashboard as AnyDashboard, FieldConfig, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as Cells, Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { FieldConfig as Lines, Options as Series } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON knows no enums: a file says "thresholds" where a program would say FieldColorModeId.Thresholds.
type Written<T> = unknown extends T ? T : T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;

// Grafana leaves open what a panel's options are, so that plugins can say it. We have three kinds, and each says it.
type Of<Kind extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: Kind;
  options: Options;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom } };
};
type Ours = RowPanel | Of<'stat', Stat, never> | Of<'timeseries', Series, Lines> | Of<'table', Table, Cells>;

export type Dashboard = Written<Omit<AnyDashboard, 'panels'> & { panels: Ours[] }>;
