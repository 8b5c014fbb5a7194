"""Writes series.json: statsmodels' own sunspots, Nile and CO2 series, and what statsmodels makes of them."""
import json, pathlib, warnings, numpy as np
import statsmodels.api as sm
from statsmodels.regression.linear_model import burg, yule_walker
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import acf
warnings.simplefilter("ignore")
co2 = sm.datasets.co2.load_pandas().data["co2"].resample("MS").mean().interpolate().values
series = dict(
    sunspots=sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"].values,
    nile=sm.datasets.nile.load_pandas().data["volume"].values, co2=co2[-240:])
models = []
for name, order, seasonal in [
    ("sunspots", (3, 0, 0), None), ("sunspots", (2, 0, 1), None), ("sunspots", (9, 0, 0), None), ("nile", (1, 0, 1), None),
    ("nile", (0, 1, 1), None), ("nile", (1, 1, 1), None), ("nile", (0, 0, 2), None), ("co2", (1, 1, 1), (0, 1, 1, 12)),
    ("co2", (0, 1, 1), (1, 1, 1, 12)),
]:
    if order[1]:
        # Differenced first: the default takes a variance of 1e6 for what stands before, which is that of Nile's level itself.
        # Forecasts of the series itself then come from an exact diffuse start with the same parameters.
        arguments = dict(order=order, seasonal_order=seasonal or (0, 0, 0, 0))
        model = SARIMAX(series[name], simple_differencing=True, **arguments)
    else:
        model = ARIMA(series[name], order=order, seasonal_order=seasonal or (0, 0, 0, 0))
    options = dict(maxiter=2000, pgtol=1e-10, factr=1.0)
    fit = model.fit(disp=0, **options) if order[1] else model.fit(method_kwargs=dict(options))
    # Once more from where it ended: L-BFGS stops early.
    again = model.fit(start_params=fit.params, disp=0, **options) if order[1] else model.fit(start_params=fit.params, method_kwargs=dict(options))
    fit = max((fit, again), key=lambda f: f.llf)
    source = SARIMAX(series[name], use_exact_diffuse=True, **arguments).filter(fit.params) if order[1] else fit
    forecast = source.get_forecast(12)
    names = fit.model.param_names
    pick = lambda prefix: [float(v) for n, v in zip(names, fit.params) if n.startswith(prefix)]
    models.append(dict(
        series=name, order=order, seasonal=seasonal or [], ar=pick("ar.L") if not seasonal else [float(v) for n, v in zip(names, fit.params) if n.startswith("ar.L")],
        ma=pick("ma.L"), seasonalAR=pick("ar.S"), seasonalMA=pick("ma.S"), mean=pick("const"), variance=pick("sigma2")[0],
        logLikelihood=float(fit.llf), aic=float(fit.aic), bic=float(fit.bic), hqic=float(fit.hqic),
        forecast=list(map(float, forecast.predicted_mean)), interval=np.asarray(forecast.conf_int()).tolist()))
out = dict(
    series={k: list(map(float, v)) for k, v in series.items()}, models=models,
    acf=list(map(float, acf(series["sunspots"], nlags=20, fft=False))),
    yuleWalker=[list(map(float, yule_walker(series["sunspots"], 4, method="mle")[0])), float(yule_walker(series["sunspots"], 4, method="mle")[1]) ** 2],
    burg=[list(map(float, burg(series["sunspots"], 4)[0])), float(burg(series["sunspots"], 4)[1])])
pathlib.Path(__file__).with_name("series.json").write_text(json.dumps(out))
